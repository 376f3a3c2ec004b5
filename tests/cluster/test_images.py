"""The compose file and the Dockerfile, as far as they can be checked where nothing can build an image."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

from .compose import ROOT, compose_file

CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each on one line."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def test_services_depend_on_what_is_there() -> None:
    """Dependencies, secrets and volumes are declared, and who is waited for to be healthy has a check."""
    document = compose_file()
    services = document["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] in CONDITIONS, name
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other], (name, other)
            if how["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "no", other
        secrets = {s if isinstance(s, str) else s["source"] for s in service.get("secrets", [])}
        assert secrets <= set(document["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in document["volumes"] or (ROOT / source).exists(), (name, volume)


def test_one_service_builds_the_image_that_the_others_use() -> None:
    """What is built again must not restart who does not need it: one service alone builds each image."""
    services = {name: service for name, service in compose_file()["services"].items() if name != "postgres"}
    built = {name: service["image"] for name, service in services.items() if "build" in service}
    assert built == {"migrate": "lossmith:0.1.0", "ray-worker-gpu": "lossmith-gpu:0.1.0"}
    others = {service["image"] for name, service in services.items() if name not in built}
    assert others == {"lossmith:0.1.0"}


def test_the_cuda_build_of_torch_is_in_the_image_of_gpu_workers_alone() -> None:
    """Whoever has no GPU downloads none of its libraries."""
    for name, service in compose_file()["services"].items():
        if "build" in service:
            index = service["build"]["args"]["TORCH_INDEX"]
            assert index.endswith("/cu130}" if service.get("profiles") == ["gpu"] else "/cpu}"), name


def test_every_service_has_an_end_to_its_log() -> None:
    """A container's log does not fill the disk."""
    for name, service in compose_file()["services"].items():
        assert service["logging"]["options"].keys() >= {"max-size", "max-file"}, name


def test_the_object_store_has_room_in_shared_memory() -> None:
    """What Ray is told to take for its objects is less than what each of its containers is given."""
    units = {"mb": 10**6, "gb": 10**9}
    for name, service in compose_file()["services"].items():
        if service.get("command", [""])[:2] != ["ray", "start"]:
            continue
        (word,) = [word for word in service["command"] if word.startswith("--object-store-memory=")]
        wanted = int(word.partition(":-")[2].rstrip("}"))
        given = service["shm_size"].partition(":-")[2].rstrip("}")
        assert wanted < int(given[:-2]) * units[given[-2:]], name


def test_commands_are_programs_of_the_image() -> None:
    """What a service or a check runs is an entry point that is installed, Python itself, or copied along."""
    scripts = {point.name for point in entry_points(group="console_scripts")} | {"python"}
    copied = {
        source
        for word, given in instructions()
        if word == "COPY" and given.endswith(" /home/lossmith/deploy/")
        for source in given.split()[:-1]
    }
    for name, service in compose_file()["services"].items():
        if name == "postgres":
            continue
        programs = [service["command"][0]]
        if "healthcheck" in service:
            programs.append(service["healthcheck"]["test"][1])
        assert set(programs) <= scripts | copied, name


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    """Every COPY from the tree finds its files, in what .dockerignore lets through."""
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    for word, given in instructions():
        sources = [part for part in given.split()[:-1] if not part.startswith("--")]
        if word == "COPY" and "--from=" not in given:
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(fnmatch(source, pattern) for pattern in let_through), source


def test_whatever_the_image_installs_by_name_is_pinned() -> None:
    """Packages that the Dockerfile names stand in constraints.txt or carry their version."""
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    words: list[str] = []
    for word, given in instructions():
        if word == "RUN":
            words += [
                part
                for command in re.findall(r"pip install ([^&]*)", given)
                for part in command.split()
                if re.fullmatch(r"[a-z][a-z0-9-]*(==[\d.]+)?", part)
            ]
    assert "torch" in words
    for part in words:
        assert "==" in part or canonicalize_name(part) in pinned, part


def test_the_kubernetes_example_names_what_there_is() -> None:
    """The RayJob runs the image and the Ray of the compose file, with the variables that lossmith reads."""
    job: dict[str, Any] = yaml.safe_load((ROOT / "deploy/rayjob.yaml").read_text())
    cluster = job["spec"]["rayClusterSpec"]
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    assert cluster["rayVersion"] == pins["ray"]
    head = cluster["headGroupSpec"]["template"]["spec"]
    workers = [group["template"]["spec"] for group in cluster["workerGroupSpecs"]]
    services = compose_file()["services"]
    for spec in (head, *workers):
        (container,) = spec["containers"]
        assert container["image"] == services["ray-head"]["image"]
        assert spec["securityContext"]["runAsNonRoot"]
    assert cluster["authOptions"] == {"mode": "token"}
    names = {entry["name"] for entry in head["containers"][0]["env"]}
    assert {"LOSSMITH_STORE", "LOSSMITH_STORE_PASSWORD_FILE", "MLFLOW_TRACKING_URI"} <= names
    for spec in workers:
        assert "LOSSMITH_STORE" not in {entry["name"] for entry in spec["containers"][0].get("env", ())}
    assert Path(ROOT / "examples/digits_longtail.yaml").exists()
