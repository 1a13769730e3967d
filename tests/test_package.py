"""What is said of the project beside its code, to an index, a citation, a forge: all say the same.

What archives hold is asked by ``.ci/run package``, as that builds them.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import metadata

import yaml
from fault_runs import BAD_INPUT, REPOSITORY

import shmtext

SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ADDRESS = PROJECT["urls"]["Homepage"]
PYTHONS = [
    name.rpartition(" ")[2]
    for name in PROJECT["classifiers"]
    if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
]
CI = (REPOSITORY / ".ci/run").read_text(encoding="utf-8")
JOBS = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
JOB = JOBS["step"]


def links(text: str) -> list[tuple[str, str]]:
    """Links of Markdown: whether each is a picture (``!``), and where it leads."""
    return re.findall(r"(!?)\[[^\]]*\]\((\S+?)\)", text)


def test_what_the_index_shows_has_links_that_lead_somewhere_from_there() -> None:
    """As it was built: of the shmtext that is installed."""
    shown = links(metadata("shmtext")["Description"])
    headings = {each.lower().replace(" ", "-") for each in re.findall(r"^#+ (.*)$", README, re.M)}

    assert 5 < len(shown)
    for mark, target in shown:
        assert target.startswith("https://")
        if target.startswith(ADDRESS):
            kind = "raw" if mark else "blob"
            file = re.fullmatch(rf"{re.escape(ADDRESS)}/{kind}/HEAD/([^#]+)(?:#(.+))?", target)
            assert file, target
            assert (REPOSITORY / file[1]).is_file(), target
            assert file[2] is None or file[2] in headings, target


def test_of_the_readme_nothing_but_links_is_another_in_the_index() -> None:
    shown = README
    for substitution in SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"][
        "substitutions"
    ]:
        shown = re.sub(substitution["pattern"], substitution["replacement"], shown)
    without = [re.sub(r"\]\(\S+?\)", "]", text) for text in (README, shown)]

    assert README != shown
    assert without[0] == without[1]


def test_the_project_has_one_address() -> None:
    files = ["pyproject.toml", "CITATION.cff", "CONTRIBUTING.md", "README.md"]
    texts = [(REPOSITORY / name).read_text(encoding="utf-8") for name in files]
    found = re.findall(r"https://[^/\s]+/[^/\s]+/shmtext\b", "\n".join(texts))

    assert len(PROJECT["urls"]) < len(found)
    assert {ADDRESS} == set(found)


def test_the_citation_is_of_this_version_and_its_licence() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))

    assert shmtext.__version__ == citation["version"]
    assert PROJECT["license"] == citation["license"]
    assert ADDRESS == citation["repository-code"]


def test_every_python_that_is_promised_is_tried_on_the_forge() -> None:
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert PYTHONS == JOB["strategy"]["matrix"]["python"]


def test_the_forge_takes_each_step_but_the_one_on_bare_systems_and_there_are_no_others() -> None:
    nonsense = subprocess.run(
        ["bash", REPOSITORY / ".ci/run", "nonsense"], capture_output=True, text=True, check=False
    )
    steps = nonsense.stderr.partition("there are ")[2].split()
    matrix = JOB["strategy"]["matrix"]

    assert BAD_INPUT == nonsense.returncode
    of_matrix = {*matrix["step"], *(one["step"] for one in matrix["include"])}
    assert set(steps) == {"bare", "browser", *of_matrix}
    assert all(re.search(rf"^{step}\(\) [({{]", CI, re.M) for step in steps)
    assert JOB["steps"][-1]["run"].endswith(".ci/run ${{ matrix.step }}")
    assert JOBS["browser"]["steps"][-1]["run"].endswith(".ci/run browser")


def test_a_commit_is_asked_what_the_step_lint_asks() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    asked = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]
    lint = re.search(r"^lint\(\) \(\n(.*?)^\)", CI, re.M | re.S)

    assert lint
    assert asked == [line.strip() for line in lint[1].splitlines()[-len(asked) :]]
