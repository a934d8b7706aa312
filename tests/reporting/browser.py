"""A headless Chromium, driven over the WebDriver protocol."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

LOOK = """
const root = document.documentElement;
const seen = each => each.getBoundingClientRect().width > 0;
const pictures = [...document.querySelectorAll('svg')];
const boxes = [...document.querySelectorAll('body *')].filter(
    each => !each.closest('.scroll, svg, pre'));
return {
  width: root.clientWidth,
  scroll: root.scrollWidth,
  outside: boxes.filter(
      each => each.getBoundingClientRect().right > root.clientWidth + 1
  ).map(each => each.outerHTML.slice(0, 80)),
  pictures: pictures.length,
  missing: pictures.filter(each => !seen(each)).length
      + [...document.images].filter(each => !each.naturalWidth).length,
  unnamed: pictures.filter(each => each.getAttribute('role') !== 'img'
      || !each.getAttribute('aria-label')).length,
  clipped: pictures.flatMap(each => {
    const frame = each.getBoundingClientRect();
    return [...each.querySelectorAll('text')].filter(text => {
      const box = text.getBoundingClientRect();
      return box.left < frame.left - 2 || box.right > frame.right + 2
          || box.top < frame.top - 2 || box.bottom > frame.bottom + 2;
    }).map(text => text.textContent);
  }),
  unreadable: pictures.flatMap(each => {
    const ink = getComputedStyle(document.body).color;
    return [...each.querySelectorAll('text')].filter(
        text => getComputedStyle(text).fill !== ink
        || parseFloat(getComputedStyle(text).fontSize)
            * each.getBoundingClientRect().width
            / each.viewBox.baseVal.width < 6.5
    ).map(text => text.textContent);
  }),
  ids: [...document.querySelectorAll('[id]')].map(each => each.id),
  scripts: document.scripts.length,
  requests: performance.getEntriesByType('resource').map(each => each.name),
  background: getComputedStyle(document.body).backgroundColor,
  color: getComputedStyle(document.body).color,
};
"""


class Browser:
    """Opens pages; a context manager."""

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._url = f"http://127.0.0.1:{port}"
        self._wait()
        options = {
            "binary": CHROMIUM,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu"],
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        body = {"capabilities": {"alwaysMatch": wanted}}
        self._url += f"/session/{self._ask('/session', body)['sessionId']}"
        return self

    def __exit__(self, *error):
        try:
            self._ask("", method="DELETE")
        finally:
            self._driver.terminate()
            self._driver.wait()

    def open(self, path, *, width, dark=False, media="screen"):
        """Opens a file on a screen of this width, light or dark."""
        self._chrome(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {
            "name": "prefers-color-scheme",
            "value": "dark" if dark else "light",
        }
        self._chrome(
            "Emulation.setEmulatedMedia", media=media, features=[scheme]
        )
        self._ask("/url", {"url": path.as_uri()})

    def look(self):
        """Returns what the page looks like, and what its console says."""
        found = self._ask("/execute/sync", {"script": LOOK, "args": []})
        log = self._ask("/se/log", {"type": "browser"})
        return found | {"console": [each["message"] for each in log]}

    def screenshot(self, path):
        """Writes a PNG of the whole page."""
        shot = self._chrome(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def _chrome(self, command, **arguments):
        body = {"cmd": command, "params": arguments}
        return self._ask("/goog/cdp/execute", body)

    def _wait(self):
        for _ in range(100):
            try:
                if self._ask("/status", method="GET")["ready"]:
                    return
            except urllib.error.URLError:
                time.sleep(0.1)
        raise TimeoutError("chromedriver does not answer.")

    def _ask(self, path, body=None, method="POST"):
        request = urllib.request.Request(
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]
