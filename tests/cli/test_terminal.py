#!/usr/bin/env python3
"""What `tutti` shows on terminals of several widths and kinds: the live line never is wider than the
terminal, follows it when it changes, and a terminal that cannot rewrite lines gets none of it."""
import fcntl, os, pty, re, select, struct, subprocess, sys, termios, time

TUTTI = os.environ['TUTTI_LINUX'] + '/cli/tutti'
failed = 0


def fail(sentence):
    global failed
    failed += 1
    print('test_terminal:', sentence)


def resize(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))


def run(columns, environment, later=None, seconds=1):
    """What `tutti ls` writes to a terminal; `later` is its width after a second."""
    terminal, inside = pty.openpty()
    resize(terminal, columns)
    # In a network of nobody, so that nothing is found: the loopback interface has others' nodes.
    words = ['ls', '--net', FOLDER, '--for', str(seconds)]
    child = subprocess.Popen([TUTTI, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=inside,
                             env={**{k: v for k, v in os.environ.items() if k != 'COLUMNS'}, **environment})
    os.close(inside)
    shown, start = b'', time.monotonic()
    while time.monotonic() < start + seconds + 20:
        if later is not None and time.monotonic() > start + 1:
            resize(terminal, later)
            later = None
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    os.close(terminal)
    child.wait(10)
    return shown.decode()


def lives(shown):
    """The texts that the live line had."""
    return [text for text in re.split(r'\r\n|\r\x1b\[[KJ]|\x1b\[\d+A', shown) if text and 'looking for'.startswith(text[:11])]


import tempfile
with tempfile.TemporaryDirectory() as FOLDER:
    switch = subprocess.Popen([os.environ['TUTTI_LINUX'] + '/tools/switch/tutti-switch', FOLDER + '/switch.sock'],
                              stdout=subprocess.DEVNULL)
    for _ in range(100):
        if os.path.exists(FOLDER + '/switch.sock'):
            break
        time.sleep(0.05)
    whole = 'looking for 1 s more'
    for columns, environment, expected in [
            (80, {'TERM': 'xterm'}, whole), (21, {'TERM': 'xterm'}, whole), (20, {'TERM': 'xterm'}, whole[:19]),
            (10, {'TERM': 'xterm'}, whole[:9]), (1, {'TERM': 'xterm'}, whole[:1]),
            (0, {'TERM': 'xterm', 'COLUMNS': '12'}, whole[:11]), (0, {'TERM': 'xterm', 'COLUMNS': 'x'}, whole),
            (40, {'TERM': 'xterm', 'COLUMNS': '12'}, whole)]:
        shown = run(columns, environment)
        texts = lives(shown)
        if not texts or texts[0] != expected:
            fail(f'{columns} columns, {environment}: {shown!r}')
        if 'no device was found in 1 s' not in shown:
            fail(f'{columns} columns: the end is missing: {shown!r}')
    # Narrower while a line stands: what a terminal made of it is cleared, and the next one fits.
    shown = run(80, {'TERM': 'xterm'}, later=8, seconds=2)
    if '\x1b[2A\r\x1b[J' not in shown or lives(shown)[-1] != whole[:7]:
        fail(f'a terminal that became narrower: {shown!r}')
    for environment in ({'TERM': 'dumb'}, {'TERM': ''}):
        shown = run(80, environment)
        if '\x1b' in shown or '\r' in shown.replace('\r\n', '') or 'looking' in shown:
            fail(f'{environment}: {shown!r}')
    shown = run(80, {'TERM': 'dumb'}, seconds=12) # a plain line after ten seconds
    if len(re.findall(r'^looking for \d+ s more\r$', shown, re.M)) != 1 or '\x1b' in shown:
        fail(f'a long wait on a dumb terminal: {shown!r}')
    switch.terminate()
    switch.wait()
if not failed:
    print('every terminal got what it can show')
sys.exit(failed)
