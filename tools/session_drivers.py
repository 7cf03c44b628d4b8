"""What runs in a session: programs that carry out one piece of code after the other and keep what it defined.

Each call is a line: the mark it is to end with, a space, and the code in base64. The mark and the exit code are said on both
streams at the end. The streams are kept out of the way of what runs, so that code which closes its own does no harm.
"""

from __future__ import annotations

import base64

PYTHON_DRIVER = """
import base64, os, sys, traceback, types

def main():
    asked, ends, ours = os.fdopen(os.dup(0), "rb"), (os.dup(1), os.dup(2)), os.getpid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.modules["__main__"] = home = types.ModuleType("__main__")
    sys.path.append("/work")
    sys.argv = ["session.py"]
    for number, line in enumerate(asked, 1):
        mark, code = line.split(b" ", 1)
        ended = run(base64.b64decode(code).decode(), f"/tmp/call-{number}.py", vars(home))
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()
            except Exception:
                pass
        if os.getpid() != ours:
            os._exit(0)
        for end in ends:
            os.write(end, mark + str(ended).encode() + b"\\n")

def run(code, path, names):
    try:
        with open(path, "w") as file:
            file.write(code)
    except OSError:
        pass
    try:
        exec(compile(code, path, "exec", dont_inherit=True), names)
    except SystemExit as stop:
        if stop.code is not None and not isinstance(stop.code, int):
            print(stop.code, file=sys.stderr)
        return 0 if stop.code is None else stop.code & 255 if isinstance(stop.code, int) else 1
    except BaseException as problem:
        traceback.print_exception(problem.with_traceback(problem.__traceback__ and problem.__traceback__.tb_next))
        return 1
    return 0

main()
"""

SHELL_DRIVER = r"""
exec 200<&0 201>&1 202>&2 </dev/null
while IFS= read -r -u 200 __line; do
  eval "$(builtin printf %s "${__line#* }" | /usr/bin/base64 -d)" 200<&- 201>&- 202>&-
  __ended=$?
  builtin printf '%s%s\n' "${__line%% *}" "$__ended" >&201
  builtin printf '%s%s\n' "${__line%% *}" "$__ended" >&202
done
"""


def line_of(code: str) -> str:
    """Write a call as the drivers read it."""
    return "{mark} " + base64.b64encode(code.encode()).decode()
