"""Files that the user brings: converted or unpacked once, then by name."""

import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.converters import _weight_names
from gblend_keras.converters import networks
from gblend_keras.towers import residual
from gblend_keras.zoo import _fetcher
from gblend_keras.zoo import catalog
from gblend_keras.zoo import importer
from tests.converters.converter_test import mc3_state

MC3 = "torchvision_mc3_18_kinetics"


def files_below(folder):
    return [each for each in folder.rglob("*") if each.is_file()]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file laid out as torchvision's, with five classes."""
    path = tmp_path_factory.mktemp("checkpoint") / "mc3.pth"
    path.write_bytes(pickle.dumps(mc3_state(), 4))
    return path


def test_entry_that_was_not_imported_says_what_it_needs():
    with pytest.raises(ValueError, match=r"gblend zoo import .* FILE`\.$"):
        gb.zoo.load(MC3)


def test_imported_checkpoint_loads_by_name(checkpoint):
    entry = gb.zoo.entry(MC3)
    names = ("sit", "run", "jump", "sing", "sleep")
    said = importer.import_file(
        entry, checkpoint, class_names=names, allow_other=True
    )
    digest = catalog.sha256(checkpoint)
    assert digest in said and "unused: 0" in said
    record = json.loads(
        (_fetcher.kept_folder(entry) / "import.json").read_text()
    )
    assert record["sha256"] == digest

    tower = gb.zoo.tower(MC3, "rgb")
    assert tower.output.shape == (None, 512)
    model = gb.zoo.load(MC3)
    assert model.class_names == names and model.raw_pixels
    assert model.head_names == ["rgb", "joint"]
    head = gb.zoo.load(MC3, head="rgb")
    kernel = head.get_layer("rgb_head").get_weights()[0]
    np.testing.assert_array_equal(kernel, mc3_state()["fc.weight"].T)
    stem = head.get_layer("rgb_tower").get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(
        stem, mc3_state()["stem.0.weight"].transpose(2, 3, 4, 1, 0)
    )

    network = _fetcher.imported_file(entry)
    content = bytearray(network.read_bytes())
    content[-1] ^= 1
    network.write_bytes(content)
    with pytest.raises(ValueError, match=r"import .* FILE` again\.$"):
        gb.zoo.load(MC3)


def test_checkpoint_of_another_size_is_refused(checkpoint, tmp_path):
    with pytest.raises(ValueError, match=r"--other takes it all the same\.$"):
        importer.import_file(gb.zoo.entry(MC3), checkpoint)
    assert not (tmp_path / "cache").exists()


def test_checkpoint_of_another_source_is_refused(checkpoint, tmp_path):
    entry = gb.zoo.entry("vmz_ip_csn_152_scratch_kinetics")
    with pytest.raises(ValueError, match="not of the source 'vmz'"):
        importer.import_file(entry, checkpoint)
    assert not (tmp_path / "cache").exists()


def test_number_of_class_names_must_fit(checkpoint, tmp_path):
    with pytest.raises(ValueError, match="in the order of the labels"):
        importer.import_file(
            gb.zoo.entry(MC3), checkpoint, class_names="ab", allow_other=True
        )
    assert not (tmp_path / "cache").exists()


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"Check the path\.$"):
        importer.import_file(gb.zoo.entry(MC3), tmp_path / "no.pth")


def test_trained_entry_takes_no_file(checkpoint):
    with pytest.raises(ValueError, match=r"kind='trained'\. Load it\.$"):
        importer.import_file(gb.zoo.entry("digits_joint"), checkpoint)


@pytest.mark.large
def test_audio_visual_network_loads_with_all_its_heads(tmp_path):
    """A file with VMZ's names, of the smallest towers."""
    towers = {
        "rgb": networks.TowerPlan("r3d", 18, (8, 112, 112, 3), normalized=True),
        "audio": networks.TowerPlan("audio", 18, (100, 40, 1)),
    }
    plan = networks.NetworkPlan(towers, ("rgb", "audio", "joint"), 400)
    name = _weight_names.caffe2_names(
        {"rgb": "r3d", "audio": "audio"},
        dict.fromkeys(towers, residual.STAGE_SIZES[18]),
        400,
    )
    weights = networks.weight_paths(networks.build_network(plan))
    blobs = {}
    for path, variable in weights.items():
        values = np.asarray(variable)
        if values.ndim > 3:
            values = np.moveaxis(values, (-1, -2), (0, 1))
        else:
            values = values.T
        blobs[name(path)] = values
    file = tmp_path / "g_b.pkl"
    file.write_bytes(pickle.dumps({"blobs": blobs}, 2))
    entry = "vmz_gblend_ip_csn_152_scratch_kinetics"
    importer.import_file(gb.zoo.entry(entry), file)
    model = gb.zoo.load(entry)
    assert model.head_names == ["rgb", "audio", "joint"]
    assert model.num_classes == len(model.class_names) == 400
    x = {
        "audio": np.ones((1, 100, 40, 1), np.float32),
    }
    audio = gb.zoo.load(entry, head="audio")
    assert audio({"audio": x["audio"]})["audio"].shape == (1, 400)


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, 4 if kind == tarfile.REGTYPE else 0
            info.linkname = "/etc/passwd"
            archive.addfile(info, io.BytesIO(b"abcd") if info.size else None)


REGULAR = ("saved_model.pb", tarfile.REGTYPE)


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        (("../evil.txt", tarfile.REGTYPE), "write outside its folder"),
        (("a/../../evil.txt", tarfile.REGTYPE), "write outside its folder"),
        (("/evil.txt", tarfile.REGTYPE), "write outside its folder"),
        (("..\\evil.txt", tarfile.REGTYPE), "write outside its folder"),
        (("link", tarfile.SYMTYPE), "holds links or devices"),
        (("link", tarfile.LNKTYPE), "holds links or devices"),
        (("pipe", tarfile.FIFOTYPE), "holds links or devices"),
    ],
)
def test_archive_that_writes_outside_is_refused(tmp_path, member, sentence):
    make_tar(tmp_path / "a.tar.gz", [REGULAR, member])
    with pytest.raises(ValueError, match=sentence):
        importer.import_file(gb.zoo.entry("hub_yamnet"), tmp_path / "a.tar.gz")
    assert files_below(tmp_path) == [tmp_path / "a.tar.gz"]
    assert not (tmp_path.parent / "evil.txt").exists()


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a\\..\\..\\b"])
def test_zip_that_writes_outside_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("saved_model.pb", "abcd")
        archive.writestr(name, "abcd")
    with pytest.raises(ValueError, match=r"Do not use this archive\.$"):
        importer.import_file(gb.zoo.entry("hub_yamnet"), tmp_path / "a.zip")
    assert files_below(tmp_path) == [tmp_path / "a.zip"]


def test_archive_that_would_fill_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "MAX_BYTES", 7)
    make_tar(tmp_path / "a.tar.gz", [REGULAR, ("b", tarfile.REGTYPE)])
    with pytest.raises(ValueError, match="is too large"):
        importer.import_file(gb.zoo.entry("hub_yamnet"), tmp_path / "a.tar.gz")
    assert files_below(tmp_path) == [tmp_path / "a.tar.gz"]


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"Download it again\.$"):
        importer.import_file(gb.zoo.entry("hub_yamnet"), tmp_path / "a.tar.gz")


def test_archive_without_a_saved_model_is_refused(tmp_path):
    make_tar(tmp_path / "a.tar.gz", [("other.pb", tarfile.REGTYPE)])
    with pytest.raises(ValueError, match="is no SavedModel"):
        importer.import_file(gb.zoo.entry("hub_yamnet"), tmp_path / "a.tar.gz")
    assert files_below(tmp_path) == [tmp_path / "a.tar.gz"]
