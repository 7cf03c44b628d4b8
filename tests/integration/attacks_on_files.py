"""Attempts to read or change what lies outside, and to see or touch other processes. Each prints ESCAPED if it did.

`T` holds where things are outside; an OSError means that the attempt failed. Each attempt is small enough to be run without
a sandbox, which is how the suite proves that it can fail.
"""

FILES = {
    "read the secret of the data folder": "out(open(T['canary']).read())",
    "read it through /proc/self/root": "out(open('/proc/self/root' + T['canary']).read())",
    "read it through the working folder": "out(open('../' * 12 + T['canary'].lstrip('/')).read())",
    "list the data folder": "out(os.listdir(T['data'])); escaped()",
    "read the database": "out(open(T['database'], 'rb').read())",
    "read another workspace": "out(open(T['other'] + '/secret.txt').read())",
    "reach another workspace beside ours": "out(open('../other/secret.txt').read())",
    "write into another workspace": "open(T['other'] + '/planted', 'w').write('x'); escaped()",
    "change a file outside": "open(T['touched'], 'a').write('x'); escaped()",
    "change its mode": "os.chmod(T['touched'], 0o777); escaped()",
    "change its times": "os.utime(T['touched'], (1, 1)); escaped()",
    "remove a file outside": "os.unlink(T['removable']); escaped()",
    "follow a link out": "os.symlink(T['canary'], 'l1'); out(open('l1').read())",
    "follow a link through /proc/1/root": "os.symlink('/proc/1/root' + T['canary'], 'l2'); out(open('l2').read())",
    "follow a link to a folder": "os.symlink(T['data'], 'l3'); out(os.listdir('l3')); escaped()",
    "link a file outside into the workspace": "os.link(T['canary'], 'hard'); out(open('hard').read())",
    "rename the workspace away": "os.rename('/work', '/elsewhere' if os.path.isdir('/work') else T['other'] + '/x'); escaped()",
    "read the product's source": "out(open(T['source'] + '/tools/toolbox.py').read()); escaped()",
    "import the product": "sys.path.insert(0, T['source']); import tools.toolbox; escaped()",
    "read the product's environment folder": "out(os.listdir(T['venv'])); escaped()",
    "read the passwords": "out(open('/etc/shadow').read()); escaped()",
    "read who is on the machine": "escaped() if len(open('/etc/passwd').readlines()) > 5 else None",
    "read the machine's name": "escaped() if socket.gethostname() == T['host'] else None",
    "find the root that was": "[escaped() for path in ('/oldroot', '/newroot', '/boot') if os.path.exists(path)]",
    "write into /usr": "open('/usr/planted', 'w').write('x'); escaped()",
    "write into the interpreter": "open(os.path.dirname(os.__file__) + '/os.py', 'a').write(''); escaped()",
    "write into a library": "import numpy; open(numpy.__file__, 'a').write(''); escaped()",
    "write into /etc": "open('/etc/planted', 'w').write('x'); escaped()",
    "write into the root": "open('/planted', 'w').write('x'); escaped()",
    "write into /dev": "open('/dev/planted', 'w').write('x'); escaped()",
    "write into /sys": "open('/sys/kernel/planted', 'w').write('x'); escaped()",
    "read the kernel's log": "fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK); out(os.read(fd, 100)); escaped()",
    "read a disk": "out(open('/dev/vda', 'rb').read(512)); escaped()",
    "make a device": "os.mknod('dev', 0o60666, os.makedev(254, 0)); escaped()",
    "keep a program that runs with rights": "out(subprocess.run(['su', '-c', 'id'], capture_output=True, input=b'', timeout=3)"
    ".stdout); [escaped() for p in ('/usr/bin/su',) if int(status('CapEff'), 16)]",
    "leave something in /tmp for the next run": "p = '/tmp/left'; escaped() if os.path.exists(p) else open(p, 'w').write('x')",
}

PROCESSES = {
    "see the process of the product": "escaped() if any(T['marker'] in read('/proc/%s/cmdline' % p) for p in pids()) else None",
    "read the product's environment": "out(read('/proc/%d/environ' % T['victim']))",
    "read our own environment": "out(repr(dict(os.environ)))",
    "read the parent's environment": "out(read('/proc/%d/environ' % os.getppid()) + read('/proc/1/environ'))",
    "read the product's memory map": "escaped() if T['marker'] in read('/proc/%d/cmdline' % T['victim']) else None",
    "read the product's open files": "out(os.listdir('/proc/%d/fd' % T['victim'])); escaped()",
    "enter the product's root": "out(os.listdir('/proc/%d/root/' % T['victim'])); escaped()",
    "signal the product": "os.kill(T['victim'], 0); escaped()",
    "slow the product down": "os.setpriority(os.PRIO_PROCESS, T['victim'], 19); escaped()",
    "pin the product to a processor": "os.sched_setaffinity(T['victim'], {0}); escaped()",
    "limit the product": "import resource; resource.prlimit(T['victim'], resource.RLIMIT_NOFILE, (64, 64)); escaped()",
    "get hold of the product": "os.pidfd_open(T['victim']); escaped()",
    "trace the product": "call(101, 16, T['victim'], 0, 0); escaped()",
    "trace a process of ours": "call(101, 0, 0, 0, 0); escaped()",
    "read memory of the product": "b = ctypes.create_string_buffer(16); v = (ctypes.c_void_p * 2)(ctypes.addressof(b), 16); "
    "call(310, T['victim'], v, 1, v, 1, 0); escaped()",
    "read our own memory as another's": "b = ctypes.create_string_buffer(16); v = (ctypes.c_void_p * 2)(ctypes.addressof(b), 16); "
    "call(310, os.getpid(), v, 1, v, 1, 0); escaped()",
    "have others killed when memory is short": "p = '/proc/self/oom_score_adj'; open(p, 'w').write('0'); time.sleep(0.5); "
    "escaped() if int(open(p).read()) < 1000 else None",
    "come before others": "os.nice(-5); escaped()",
    "run in real time": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); escaped()",
    "be root": "escaped() if os.getuid() == 0 or int(status('CapEff') + status('CapBnd'), 16) else None",
    "become root": "os.setuid(0); escaped()",
    "run without a filter": "escaped() if status('Seccomp').strip() != '2' or status('NoNewPrivs').strip() != '1' else None",
}
