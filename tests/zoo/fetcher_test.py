"""Weights that are fetched: once, whole, checked, and from nowhere else."""

import contextlib
import functools
import http.server
import re
import threading

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.zoo import _fetcher
from gblend_keras.zoo import catalog
from tests.zoo.conftest import change_entry


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the bytes of its server, in the way that the test asks for."""

    def log_message(self, *arguments):
        del arguments

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        if server.redirect and self.path != "/same":
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if server.content is None:
            self.send_error(404)
            return
        start = 0
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if found and server.ranges:
            start = int(found[1])
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            total = len(server.content)
            self.send_header(
                "Content-Range", f"bytes {start}-{total - 1}/{total}"
            )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])


@contextlib.contextmanager
def serving(content=None, *, redirect="", ranges=True, breaks_after=None):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.redirect = content, redirect
        server.ranges, server.breaks_after = ranges, breaks_after
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(
            target=functools.partial(server.serve_forever, poll_interval=0.01)
        )
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=10)


@pytest.fixture
def far(place, tmp_path):
    """The entry without its weights, and these weights."""
    path = place / "toy_uniform" / catalog.WEIGHTS
    content = path.read_bytes()
    path.unlink()
    entry = catalog.find("toy_uniform")
    return entry, content


def kept(tmp_path):
    return [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]


def test_weights_are_fetched_once_and_then_work_offline(
    far, tmp_path, monkeypatch
):
    entry, content = far
    with serving(content) as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        path = _fetcher.weights_path(entry)
        assert path.read_bytes() == content
        assert server.asked == [("/toy_uniform/weights.npz", None)]
    assert _fetcher.weights_path(entry) == path  # nobody serves any more
    assert kept(tmp_path) == [path]


@pytest.mark.parametrize("ranges", [True, False])
def test_broken_download_is_taken_up_again(far, tmp_path, monkeypatch, ranges):
    entry, content = far
    with serving(content, breaks_after=1000) as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        with pytest.raises(ValueError, match="ended after 1000 bytes"):
            _fetcher.weights_path(entry)
    (part,) = kept(tmp_path)
    assert part.read_bytes() == content[:1000]
    with serving(content, ranges=ranges) as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        path = _fetcher.weights_path(entry)
        assert server.asked[0][1] == "bytes=1000-"
    assert path.read_bytes() == content
    assert kept(tmp_path) == [path]


def test_altered_weights_of_a_mirror_are_refused(far, tmp_path, monkeypatch):
    entry, content = far
    altered = content[:-1] + bytes([content[-1] ^ 1])
    with serving(altered) as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        with pytest.raises(ValueError, match=r"Nothing was kept\.$"):
            _fetcher.weights_path(entry)
    assert kept(tmp_path) == []


def test_endless_answer_is_cut_off(far, tmp_path, monkeypatch):
    entry, content = far
    with serving(content + b"x") as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        with pytest.raises(ValueError, match=r"do not use this source\.$"):
            _fetcher.weights_path(entry)
    assert kept(tmp_path) == []


def test_redirect_to_another_host_is_refused(far, tmp_path, monkeypatch):
    entry, content = far
    with serving(content) as other:
        with serving(redirect=f"{other.url}/w") as server:
            monkeypatch.setenv("GBLEND_ZOO", server.url)
            with pytest.raises(ValueError, match="leads to another host"):
                _fetcher.weights_path(entry)
        assert other.asked == []
    assert kept(tmp_path) == []


def test_redirect_on_the_same_host_is_followed(far, monkeypatch):
    entry, content = far
    with serving(content, redirect="/same") as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        assert _fetcher.weights_path(entry).read_bytes() == content


def test_mirror_without_the_file_is_named(far, tmp_path, monkeypatch):
    entry, _ = far
    with serving() as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        with pytest.raises(ValueError, match=r"404.*mirror or a folder\.$"):
            _fetcher.weights_path(entry)
    assert kept(tmp_path) == []


def test_mirror_that_does_not_answer_is_named(far, tmp_path, monkeypatch):
    entry, content = far
    with serving(content) as server:
        url = server.url
    monkeypatch.setenv("GBLEND_ZOO", url)
    with pytest.raises(ValueError, match="cannot be fetched"):
        _fetcher.weights_path(entry)
    assert kept(tmp_path) == []


def test_local_folder_serves_as_mirror(far, place, tmp_path, monkeypatch):
    entry, content = far
    mirror = tmp_path / "mirror" / "toy_uniform"
    mirror.mkdir(parents=True)
    (mirror / "weights.npz").write_bytes(content)
    monkeypatch.setenv("GBLEND_ZOO", (tmp_path / "mirror").as_uri())
    path = _fetcher.weights_path(entry)
    assert path.read_bytes() == content and path == _fetcher.kept_path(entry)
    path.unlink()
    (mirror / "weights.npz").write_bytes(content + b"x")
    with pytest.raises(ValueError, match=r"Delete it and load again\.$"):
        _fetcher.weights_path(entry)
    assert not path.exists()


def test_folder_without_the_weights_is_named(far):
    with pytest.raises(
        ValueError, match=r"weights.npz is not there.*that has them\.$"
    ):
        _fetcher.weights_path(far[0])


def test_entry_without_a_source_says_so(far, monkeypatch):
    entry, _ = far
    monkeypatch.delenv("GBLEND_ZOO")
    with pytest.raises(ValueError, match="the entry names no source"):
        _fetcher.weights_path(entry)


def test_other_kinds_of_address_are_refused(far, monkeypatch):
    monkeypatch.setenv("GBLEND_ZOO", "ftp://example.org")
    with pytest.raises(ValueError, match=r"Correct GBLEND_ZOO\.$"):
        _fetcher.weights_path(far[0])


def test_altered_weights_in_the_folder_are_refused(place):
    path = place / "toy_uniform" / "weights.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Delete it and load again\.$"):
        gb.zoo.load("toy_uniform")


def test_damaged_cache_is_refused(far, monkeypatch):
    entry, content = far
    with serving(content) as server:
        monkeypatch.setenv("GBLEND_ZOO", server.url)
        path = _fetcher.weights_path(entry)
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match="was altered"):
        _fetcher.weights_path(entry)


def test_weights_with_programs_in_them_are_refused(place):
    """Even under the right checksum: an `.npz` of pickled objects."""
    path = place / "toy_uniform" / "weights.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    change_entry(
        path.parent,
        weights={
            "file": path.name,
            "sha256": catalog.sha256(path),
            "num_bytes": path.stat().st_size,
        },
    )
    with pytest.raises(ValueError, match="without Python objects"):
        gb.zoo.load("toy_uniform")
