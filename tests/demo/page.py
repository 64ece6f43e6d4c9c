#!/usr/bin/env python3
"""Looks at a page with Chromium, at four widths, light and dark, and says what is wrong with it.

usage: page.py PAGE [--pictures FOLDER] [--top FILE]

Prints one line for each thing that overflows, that scrolls without saying so, that is too small to
read, or that has too little contrast; the exit status is 1 then. --pictures keeps a picture of each
whole page, --top one of what the first 1560 pixels show at 1200 pixels, as in the README. Without
Chromium it skips: exit status 77.

Chromium is spoken to by its DevTools protocol over two pipes, and has a network of its own without
anything in it. Nothing but this page is loaded.
"""

import argparse
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

WIDTHS = (320, 390, 768, 1280)
TIMEOUT_S = 60
TEXT_PX_LEAST = 9

# Runs in the page; returns sentences.
MEASURE = r"""
(() => {
  const wrong = [], wide = innerWidth;
  const name = e => e.tagName.toLowerCase() + (e.getAttribute('class') ? '.' + e.getAttribute('class') : '') +
      ' "' + (e.textContent || '').trim().slice(0, 30) + '"';
  const root = document.documentElement;
  if (root.scrollWidth > wide) wrong.push(`the page is ${root.scrollWidth} pixels wide`);
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width === 0 || style.display === 'none') continue;
    const scroll = e.parentElement.closest('.scroll');
    if (!scroll && (box.right > wide + 0.5 || box.left < -0.5))
      wrong.push(`${name(e)} reaches from ${box.left.toFixed()} to ${box.right.toFixed()}`);
    if (!(e instanceof SVGElement) && e.scrollWidth > e.clientWidth + 1 && style.display !== 'inline') {
      if (!e.matches('.scroll')) wrong.push(`${name(e)} holds ${e.scrollWidth} pixels in ${e.clientWidth}`);
      else if (!(e.parentElement.querySelector('.hint')?.offsetHeight > 0))
        wrong.push(`${name(e)} scrolls and does not say so`);
    }
    if (e.matches('.hint') && e.offsetHeight > 0 && e.nextElementSibling.scrollWidth <= e.nextElementSibling.clientWidth)
      wrong.push(`${name(e)} stands above what does not scroll`);
    // A text of a drawing inside of it, and what has letters of its own large enough.
    if (e.matches('svg text')) {
      const all = e.ownerSVGElement.getBoundingClientRect();
      if (box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1 || box.bottom > all.bottom + 1)
        wrong.push(`${name(e)} is cut off by its drawing`);
    }
    if ([...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) {
      const scale = e.matches('svg text') ? e.getScreenCTM().a ** 2 + e.getScreenCTM().b ** 2 : 1;
      const size = parseFloat(style.fontSize) * Math.sqrt(scale);
      if (size < LEAST) wrong.push(`${name(e)} is ${size.toFixed(1)} pixels high`);
      const ink = light(e.matches('svg text') ? style.fill : style.color), under = behind(e);
      const contrast = (Math.max(ink, under) + 0.05) / (Math.min(ink, under) + 0.05);
      if (contrast < 4.5) wrong.push(`${name(e)} has a contrast of ${contrast.toFixed(1)}`);
    }
  }
  // Two texts of one drawing do not lie on one another.
  for (const drawing of document.querySelectorAll('svg:not(.confusion)')) {
    const texts = [...drawing.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    for (const [i, [a, p]] of texts.entries())
      for (const [b, q] of texts.slice(i + 1))
        if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 3)
          wrong.push(`${name(a)} and ${name(b)} lie on one another`);
  }
  return wrong;

  // Relative luminance (WCAG 2) of "rgb(...)" or "color(srgb ...)".
  function light(colour) {
    const unit = colour.startsWith('color(');
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map(Number).map(v => unit ? v : v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function behind(e) {
    const before = e.previousElementSibling;
    if (e.matches('.count') && before?.matches('rect')) return light(getComputedStyle(before).fill);
    for (let at = e; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\)$|transparent/.test(colour)) return light(colour);
    }
    return 1;
  }
})()
""".replace("LEAST", str(TEXT_PX_LEAST))


class Browser:
    def __init__(self, chromium, folder):
        ours, theirs = os.pipe(), os.pipe()  # commands, answers
        read, write = os.dup(ours[0]), os.dup(theirs[1])  # of numbers above 4 by now, mostly

        def place():
            for wanted, held in ((3, read), (4, write)):
                spare = os.dup(held)
                os.dup2(spare, wanted)

        alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
        self.process = subprocess.Popen(
            [*alone, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={folder}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            close_fds=False, preexec_fn=place, start_new_session=True)
        self.commands, self.answers = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")
        os.close(ours[0]), os.close(theirs[1]), os.close(read), os.close(write)
        self.number, self.rest, self.session = 0, b"", None

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        self.commands.flush()
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def await_event(self, method):
        while self.message().get("method") != method:
            pass

    def message(self):
        while b"\0" not in self.rest:
            piece = os.read(self.answers.fileno(), 1 << 16)
            if not piece:
                raise RuntimeError("chromium ended: " + self.process.stderr.read().decode(errors="replace")[-2000:])
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def open(self, path):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        self.await_event("Page.loadEventFired")

    def show(self, width, scheme, height=900):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"]["value"]

    def picture(self, path, whole):
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(data["data"]))

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def look(browser, options):
    failed = 0
    for width in range(340, 1400, 40):  # what is right at four widths may be wrong between them
        browser.show(width, "light")
        for sentence in browser.evaluate(MEASURE):
            print(f"{width} pixels: {sentence}")
            failed += 1
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            browser.show(width, scheme)
            seen = browser.evaluate("innerWidth")
            wrong = browser.evaluate(MEASURE) if seen == width else [f"the page sees {seen} pixels"]
            for sentence in wrong:
                print(f"{width} pixels, {scheme}: {sentence}")
            failed += len(wrong)
            if options.pictures:
                browser.picture(f"{options.pictures}/{width}-{scheme}.png", True)
    if options.top:
        browser.show(1200, "light", 1560)
        browser.picture(options.top, False)
    return failed


def give_up(number, frame):
    raise TimeoutError(f"chromium has not answered in {TIMEOUT_S} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page")
    parser.add_argument("--pictures", help="a folder for pictures")
    parser.add_argument("--top", help="a file for the picture of the top")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None or shutil.which("unshare") is None:
        print("skipped: chromium is not installed (apt-get install chromium)")
        return 77
    signal.signal(signal.SIGALRM, give_up)  # a browser may hang
    signal.alarm(TIMEOUT_S)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(chromium, folder)
        try:
            browser.open(options.page)
            failed = look(browser, options)
        finally:
            browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
