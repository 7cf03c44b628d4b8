"""Bombs, things that outlive their run, and traps left in the workspace for whoever comes next (see attacks_on_files)."""

BOMBS = {
    "memory of one process": "b = [bytearray(10**7) for _ in range(60)]; escaped()",
    "memory of many processes": "[os.fork() or hold(60) for _ in range(8)]; time.sleep(1); escaped()",
    "memory shared and mapped": "import mmap; m = mmap.mmap(-1, 5 * 10**8)\nfor i in range(0, len(m), 4096): m[i] = 1\nescaped()",
    "files in /tmp": "write('/tmp/big', 300); os.unlink('/tmp/big'); escaped()",
    "files in /dev/shm": "write('/dev/shm/big', 300); os.unlink('/dev/shm/big'); escaped()",
    "empty files in memory": "d = '/tmp/n'; os.mkdir(d)\nfor i in range(250000): os.close(os.open(f'{d}/{i}', 65))\n"
    "shutil.rmtree(d); escaped()",
    "processes": "[os.fork() or (time.sleep(2), os._exit(0)) for _ in range(100)]; escaped()",
    "processes that have processes": "[os.fork() for _ in range(7)]; time.sleep(2); escaped()",
    "threads": "import threading; [threading.Thread(target=time.sleep, args=(2,)).start() for _ in range(100)]; escaped()",
    "open files": "fs = [os.open('/dev/null', 0) for _ in range(1000)]; escaped()",
    "open files in many processes": "[os.fork() or ([os.open('/dev/null', 0) for _ in range(200)], time.sleep(2), os._exit(0)) "
    "for _ in range(20)]; time.sleep(2); escaped()",
    "sockets full of bytes": "ps = [socket.socketpair() for _ in range(1000)]; escaped()",
    "a large file": "write('big', 120); escaped()",
    "many files of middling size": "[write(f'part{i}', 4) for i in range(30)]; time.sleep(0.5); escaped()",
    "a file without a name": "f = open('x', 'wb', 0); os.unlink('x'); [f.write(bytes(10**6)) for _ in range(120)]; escaped()",
    "reserved space": "f = open('r', 'wb'); os.posix_fallocate(f.fileno(), 0, 120 * 10**6); time.sleep(0.5); escaped()",
    "many empty files": "[open(f'e{i}', 'w').close() for i in range(5000)]; time.sleep(0.5); escaped()",
    "folders in folders": "[(os.mkdir('d'), os.chdir('d')) for _ in range(1500)]; time.sleep(0.5); escaped()",
    "output without end": "[sys.stdout.write('x' * 10**6) for _ in range(40)]; print(); escaped()",
    "output on the other stream": "[sys.stderr.write('x' * 10**6) for _ in range(40)]; escaped()",
    "time": "time.sleep(5); escaped()",
    "time of the processor": "t = time.time()\nwhile time.time() - t < 5: pass\nescaped()",
    "a regular expression": "import re; re.match('(a+)+$', 'a' * 27 + 'b'); escaped() if time.time() - T0 > 5 else None",
    "signals that are ignored": "import signal; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; time.sleep(5); escaped()",
}

OUTLIVING = {
    "a child": "os.fork() or beat()",
    "a daemon": "os.fork() or (os.setsid(), os.fork() and os._exit(0), beat())",
    "a daemon that closed its streams": "os.fork() or (os.setsid(), os.closerange(0, 3), os.fork() and os._exit(0), beat())",
    "a daemon that ignores signals": "import signal; os.fork() or ([signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 15)], "
    "os.setsid(), beat())",
    "a program of the shell": "subprocess.Popen(['setsid', 'nohup', 'sh', '-c', 'for i in $(seq 300); do date +%N > beat; "
    "sleep 0.01; done'], stdout=-3, stderr=-3); time.sleep(0.2)",
    "a child of a killed parent": "p = os.fork(); p or (os.fork() or beat(), time.sleep(9)); time.sleep(0.2); os.kill(p, 9)",
    "many children without a parent": "[os.fork() or (os.fork() and os._exit(0), beat()) for _ in range(10)]",
}

TRAPS = {
    "a module before the real one": ("open('json.py', 'w').write('print(\"TRAPPED\")')", "import json"),
    "a module for every start": ("for n in ('site', 'user'): open(n + 'customize.py', 'w').write('print(\"TRAPPED\")')", ""),
    "a path file": ("open('x.pth', 'w').write('import os; print(\"TRAPPED\")')", ""),
    "a start file of Python": ("os.makedirs(os.path.expanduser('~/.local'), exist_ok=True); "
                               "open(os.path.expanduser('~/.pythonrc'), 'w').write('print(\"TRAPPED\")')",
                               "escaped() if os.path.exists(os.path.expanduser('~/.pythonrc')) else None"),
    "a library that is not the real one": ("os.mkdir('pandas'); open('pandas/__init__.py', 'w').write('print(\"TRAPPED\")')",
                                           "import pandas; escaped() if pandas.__file__.startswith(os.getcwd()) else None"),
    "a program before the real one": ("open('ls', 'w').write('#!/bin/sh\\necho TRAPPED'); os.chmod('ls', 0o755)",
                                      "print(subprocess.run(['ls'], capture_output=True, text=True).stdout)"),
    "bytecode": ("os.mkdir('__pycache__'); open('__pycache__/json.cpython-311.pyc', 'wb').write(b'x' * 64)", "import json"),
}  # fmt: skip
"""What the first call leaves and the next one runs into: within the workspace that is harmless; nothing may go off unasked."""
