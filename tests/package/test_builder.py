"""What `make dist` lays out, tried on small trees; packaging/try tries the whole package."""

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
BUILDER = ROOT / "packaging" / "builder"


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its modules can be imported during the test."""
    monkeypatch.syspath_prepend(str(BUILDER))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BUILDER)):
            del sys.modules[name]


@pytest.fixture
def environment(builder: None) -> ModuleType:
    return importlib.import_module("environment")


def put(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_wheels_for_several_pythons_become_one_directory(environment: ModuleType, tmp_path: Path) -> None:
    site_packages = tmp_path / "all"
    for version in ("311", "313"):
        tree = tmp_path / version
        put(tree / "thing", {"__init__.py": "pure", f"fast.cpython-{version}.so": version})
        files = {"METADATA": "Name: thing", "WHEEL": f"cp{version}", "RECORD": version}
        put(tree / "thing-1.dist-info", {**files, "sboms/auditwheel.cdx.json": f"thing-1-cp{version}.whl"})
        put(tree / "bin", {"thing": "#!/usr/bin/python"})
        environment._merge(tree, site_packages)
    assert sorted(str(path.relative_to(site_packages)) for path in site_packages.rglob("*") if path.is_file()) == [
        "thing-1.dist-info/METADATA",
        "thing-1.dist-info/WHEEL",
        "thing-1.dist-info/sboms/auditwheel.cdx.json",
        "thing/__init__.py",
        "thing/fast.cpython-311.so",
        "thing/fast.cpython-313.so",
    ]
    with pytest.raises(environment.MergeConflict):
        environment._merge(put(tmp_path / "other", {"thing/__init__.py": "another"}), site_packages)


def test_nothing_of_another_architecture_gets_into_a_package(environment: ModuleType, tmp_path: Path) -> None:
    header = b"\x7fELF\x02\x01\x01".ljust(18, b"\0")
    put(tmp_path, {"old.py": "pass", "empty.py": ""})
    machines = {"amd64": 62, "arm64": 183}
    for architecture in environment.ARCHITECTURES:
        (tmp_path / "fast.abi3.so").write_bytes(header + machines[architecture.debian].to_bytes(2, "little"))
        environment._check_architecture(tmp_path, architecture)
        [other] = {*environment.ARCHITECTURES} - {architecture}
        with pytest.raises(environment.ForeignCode, match=f"fast.abi3.so is not for {other.debian}"):
            environment._check_architecture(tmp_path, other)


def test_only_the_languages_of_the_product_stay(environment: ModuleType, tmp_path: Path) -> None:
    names = ("root", "no", "de", "de_AT", "dsb")
    locales = put(tmp_path / "babel/locale-data", {f"{name}.dat": "" for name in names})
    put(tmp_path / "regex", {"_main.py": "#!/usr/bin/env python\npass\n", "_regex.pyi": ""})
    environment._prune(tmp_path, frozenset({"de"}))
    assert sorted(path.stem for path in locales.iterdir()) == ["de", "de_AT", "no", "root"]
    assert [path.name for path in (tmp_path / "regex").iterdir()] == ["_main.py"]
    assert (tmp_path / "regex/_main.py").read_text() == "pass\n"


def test_it_is_a_virtual_environment_with_both_programs(environment: ModuleType, tmp_path: Path) -> None:
    home = tmp_path / environment.HOME
    (home / "lib/python3").mkdir(parents=True)
    environment._add_interpreter(home)
    environment._add_programs(tmp_path)
    environment._set_modes(tmp_path)
    assert (home / "lib/python3.11").is_dir()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert environment.PROGRAMS.keys() == scripts.keys()
    for name, target in scripts.items():
        program = home / "bin" / name
        assert program.read_text().startswith("#!/usr/lib/calendar-tui/bin/python3 -I\n")
        assert f"from {target.replace(':', ' import ')}\n" in program.read_text()
        assert program.stat().st_mode & 0o111
        assert str((tmp_path / "usr/bin" / name).readlink()) == f"/usr/lib/calendar-tui/bin/{name}"


def test_every_python_of_the_package_may_install_it(environment: ModuleType) -> None:
    control = (ROOT / "packaging/debian/control").read_text()
    first, last = environment.PYTHONS[0], environment.PYTHONS[-1]
    assert f"python3 (>= {first})" in control
    assert f"python3 (<< 3.{int(last.removeprefix('3.')) + 1})" in control


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    """Two distributions, one of which names its licence by a classifier alone."""
    product = "Metadata-Version: 2.4\nName: calendar-tui\nVersion: 1.0\nLicense-Expression: MIT\n"
    old = "Metadata-Version: 2.1\nName: Old-Thing\nVersion: 2\nClassifier: License :: OSI Approved :: MIT License\n"
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
    library = {"type": "library", "name": "openssl", "version": "4.0.3"}
    put(tmp_path / "calendar_tui-1.0.dist-info", {"METADATA": product})
    files = {
        "METADATA": old,
        "licenses/LICENSE": "Copyright (c) 2020 Somebody\n\nDo what you like.\n",
        "licenses/NOTICE": "Apache License\nVersion 2.0, January 2004\nmany lines\n",
        "sboms/sbom.json": json.dumps(bill | {"components": [library]}),
    }
    put(tmp_path / "old_thing-2.dist-info", files)
    return tmp_path


def test_each_part_has_its_licence_with_its_text(builder: None, site_packages: Path) -> None:
    parts = importlib.import_module("parts").parts_in(site_packages)
    assert [(part.name, part.version, part.licence) for part in parts] == [
        ("calendar-tui", "1.0", "MIT"),
        ("old-thing", "2", "MIT"),
    ]
    text = importlib.import_module("licences").copyright_file(parts)
    assert "Files: *\n" in text
    assert "Files: usr/lib/calendar-tui/lib/python3/site-packages/old_thing*\n" in text
    assert "Copyright: Copyright (c) 2020 Somebody\nLicense: MIT\n" in text
    assert "\n .\n Do what you like.\n" in text
    assert "common-licenses/Apache-2.0" in text
    assert "many lines" not in text
    assert re.search(r"^Files: usr/share/doc/calendar-tui/html/_static/s\*/\*\n.*Gedam.*\nLicense: MIT\n", text, re.M)


def test_a_library_of_others_is_named_with_its_licence(builder: None, tmp_path: Path) -> None:
    lesser = "                GNU LESSER GENERAL PUBLIC LICENSE\n       Version 3, 29 June 2007\n\n"
    lesser += " Copyright (C) 2007 Free Software Foundation, Inc. <https://fsf.org/>\n many lines\n"
    metadata = "Metadata-Version: 2.4\nName: psycopg-binary\nVersion: 3\nLicense-Expression: LGPL-3.0-only\n"
    put(tmp_path / "psycopg_binary-3.dist-info", {"METADATA": metadata, "licenses/LICENSE.txt": lesser})
    text = importlib.import_module("licences").copyright_file(importlib.import_module("parts").parts_in(tmp_path))
    paragraph = text.split("\n\n")[1]
    assert "Comment: psycopg_binary.libs has" in paragraph
    assert "Copyright: the authors of psycopg-binary\nLicense: LGPL-3.0-only\n" in paragraph
    assert paragraph.endswith("The complete text is in /usr/share/common-licenses/LGPL-3.")


def test_the_bill_of_materials_lists_what_is_linked_too(builder: None, site_packages: Path) -> None:
    pytest.importorskip("cyclonedx", reason="make dist installs it")
    parts = importlib.import_module("parts").parts_in(site_packages)
    amd64 = importlib.import_module("environment").ARCHITECTURES[0]
    make = importlib.import_module("bill").bill_of_materials
    hashes, linked = {"old-thing": ("ab" * 32,)}, {"old-thing": {"zlib": "1.3"}}
    texts = [make(parts, hashes, linked, amd64, 1_800_000_000) for _ in range(2)]
    assert texts[0] == texts[1]
    bill = json.loads(texts[0])
    assert bill["metadata"]["component"]["name"] == "calendar-tui"
    [component] = bill["components"]
    assert component["purl"] == "pkg:pypi/old-thing@2"
    assert component["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert {(each["name"], each["version"]) for each in component["components"]} == {
        ("openssl", "4.0.3"),
        ("zlib", "1.3"),
    }
