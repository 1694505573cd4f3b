"""The pipeline: equal, byte for byte, to a plain one in memory; no output is left half done."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.errors import UserError
from aigc_course.text import pipeline, spreading, storage
from aigc_course.text.cleaning import Cleaner, drop_html, forms, squeeze_repeats, squeeze_spaces
from aigc_course.text.duplicates import bucket_pairs, clusters, first_of_each, key, near_duplicates
from aigc_course.text.pipeline import SCHEMA, Near, Pipeline
from aigc_course.text.private import scrub
from aigc_course.text.quality import Bound, Sieve, han_share, length
from aigc_course.text.reading import numbered_lines
from aigc_course.text.splitting import leaks, split

STEPS = (drop_html, squeeze_repeats, squeeze_spaces)
BOUNDS = (Bound(length, 2, 60), Bound(han_share, 0.3))


def plainly(description, inputs, out):
    """The same in memory, in the plainest way; returns the rows left after each step."""
    rows = []
    for path in inputs:
        if path.suffix == ".parquet":
            texts = pq.read_table(path)["text"].to_pylist()
            rows += [(text or "", path.name, k) for k, text in enumerate(texts, 1)]
        else:
            rows += [(text, path.name, k) for k, text in numbered_lines(path)]
    left = {"read": len(rows)}
    cleaner, sieve = Cleaner(description.clean), Sieve(description.bounds)
    rows = [(cleaner(text), *origin) for text, *origin in rows]
    rows = [row for row in rows if row[0].strip()]
    left["empty"] = len(rows)
    rows = [row for row in rows if sieve.keeps(row[0])]
    left["bounds"] = len(rows)
    if description.private:
        rows = [(scrub(text), *origin) for text, *origin in rows]
    if description.exact:
        rows = [rows[k] for k in first_of_each(key(row[0]) for row in rows)]
        left["exact"] = len(rows)
    groups = list(range(len(rows)))
    near = description.near
    if near is not None:
        plain = [forms(row[0]) for row in rows]
        pairs = near_duplicates(plain, near.threshold, near.n, near.size, near.seed)
        groups = clusters(len(rows), pairs).tolist()
        if near.keep == "first":
            rows = [row for k, row in enumerate(rows) if groups[k] == k]
            groups = list(range(len(rows)))
        left["near"] = len(rows)
    parts = split([row[0] for row in rows], groups, description.shares, description.seed)
    return left, [
        dict(zip(SCHEMA.names, (*row, part), strict=True))
        for row, part in zip(rows, parts, strict=True)
    ]


@pytest.fixture(scope="module")
def two():
    with spreading.Processes(2) as place:
        yield place


WORDS = st.sampled_from(
    [
        "春眠不觉晓",
        "处处闻啼鸟",
        "夜来风雨声",
        "<br>",
        "！！！！",
        "ab",
        "，",
        "电话13800138000",
        "电话13900139000",
    ]
)
TEXTS = st.lists(st.lists(WORDS, max_size=6).map("".join), max_size=25)


def put(folder, corpora):
    """Files of several kinds with these texts."""
    paths = []
    for k, texts in enumerate(corpora):
        if k % 3 == 1:
            path = folder / f"{k}.parquet"
            more = {"text": [text or None for text in texts], "n": [1] * len(texts)}
            pq.write_table(pa.table(more, pa.schema([("text", "string"), ("n", "int8")])), path)
        else:
            path = folder / f"{k}.txt"
            end = ["\n", "", "\r\n"][k % 3]
            path.write_bytes(end.join(texts).encode("utf-8" if k else "gb18030"))
        paths.append(path)
    return paths


DESCRIPTIONS = st.builds(
    Pipeline,
    clean=st.sampled_from([(), STEPS]),
    bounds=st.sampled_from([(), BOUNDS]),
    private=st.booleans(),
    exact=st.booleans(),
    near=st.none()
    | st.builds(
        Near, threshold=st.sampled_from([0.3, 0.6, 0.8]), keep=st.sampled_from(["first", "all"])
    ),
    seed=st.integers(0, 3),
)


@given(st.lists(TEXTS, max_size=3), DESCRIPTIONS, st.integers(1, 7), st.integers(1, 5))
@settings(max_examples=60)
def test_one_two_and_the_plain_way_agree(
    tmp_path_factory, two, corpora, description, rows, sorted_
):
    folder = tmp_path_factory.mktemp("p")
    inputs = put(folder, corpora)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "CHUNK_ROWS", rows)
        patch.setattr(pipeline, "SORTED_AT_ONCE", sorted_)
        one = description.run(inputs, folder / "one.parquet")
        other = description.run_at(two, inputs, folder / "two.parquet")
    whole = description.run(inputs, folder / "whole.parquet")  # one chunk, one part
    left, wanted = plainly(description, inputs, folder)
    card = storage.read_card(folder / "one.parquet")
    assert card["funnel"] == one.counts()
    storage.write(folder / "plain.parquet", wanted, SCHEMA, card)
    assert storage.read(folder / "one.parquet", SCHEMA).to_pylist() == wanted
    raw = {
        name: (folder / f"{name}.parquet").read_bytes() for name in ("one", "two", "whole", "plain")
    }
    assert raw["one"] == raw["two"] == raw["whole"] == raw["plain"]
    assert one == other == whole
    after = {stage.name: stage.left for stage in one.stages} | {"read": one.read}
    if description.bounds:
        left["han_share"] = left["bounds"]
    del left["bounds"]
    assert {name: after[name] for name in left} == left
    assert sum(one.parts.values()) == len(wanted)
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


def test_more_copies_than_are_compared_each_with_each(tmp_path, monkeypatch):
    texts = [
        f"春眠不觉晓处处闻啼鸟夜来风雨声花落知多少{'一二三四五六七八九十'[k % 10]}"
        for k in range(150)
    ]
    (tmp_path / "a.txt").write_text("\n".join(texts), encoding="utf-8")
    monkeypatch.setattr(pipeline, "SORTED_AT_ONCE", 40)
    for keep in ("first", "all"):
        description = Pipeline(exact=False, near=Near(keep=keep))
        description.run([tmp_path / "a.txt"], tmp_path / "out.parquet")
        _, wanted = plainly(description, [tmp_path / "a.txt"], tmp_path)
        got = storage.read(tmp_path / "out.parquet", SCHEMA).to_pylist()
        assert got == wanted and len(got) == (150 if keep == "all" else 1)
        assert leaks([row["text"] for row in got], [row["part"] for row in got]) == []


def test_pairs_of_one_large_bucket_come_some_at_a_time(monkeypatch):
    monkeypatch.setattr(pipeline, "_TOGETHER", 100, raising=False)
    records = np.stack([np.full(1000, 7), np.arange(1000)], axis=1).astype(np.uint64)
    found = list(pipeline._bucket_pairs(records))
    assert max(map(len, found)) <= 100
    assert np.concatenate(found).tolist() == [list(pair) for pair in bucket_pairs(range(1000))]


def test_the_funnel_has_the_first_examples_of_each_step(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", 2)
    lines = [
        "<p>春眠不觉晓处处闻",
        "好",
        "<b>春眠不觉晓，处处闻",
        "<br>",
        "打13800138000给我",
        "打13900139000给我",
    ]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    funnel = Pipeline((drop_html,), (Bound(length, 2),)).run(
        [tmp_path / "a.txt"], tmp_path / "o.parquet"
    )
    stages = {stage.name: stage for stage in funnel.stages}
    assert list(stages) == ["drop_html", "empty", "length", "private", "exact", "near"]
    assert [stage.left for stage in funnel.stages] == [6, 5, 4, 4, 2, 2]
    assert stages["drop_html"].changed == 3 and len(stages["drop_html"].examples) == 3
    assert stages["empty"].examples == [("<br>", "0")]
    assert stages["length"].examples == [("好", "1")]
    assert stages["private"].changed == 2
    assert stages["exact"].examples == [
        ("春眠不觉晓，处处闻", "春眠不觉晓处处闻"),
        ("打[电话]给我", "打[电话]给我"),
    ]
    assert "138" not in str(storage.read_card(tmp_path / "o.parquet"))
    assert "exact                       2     dropped 2" in str(funnel)


# --- bad input ---------------------------------------------------------------------------------


def test_nothing_and_next_to_nothing(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "one.txt").write_text("春", encoding="utf-8")
    for inputs, texts in (([], []), (["empty.txt"], []), (["empty.txt", "one.txt"], ["春"])):
        for near in (None, Near(), Near(keep="all")):
            funnel = Pipeline(near=near).run(
                [tmp_path / name for name in inputs], tmp_path / "o.parquet"
            )
            assert storage.read(tmp_path / "o.parquet", SCHEMA)["text"].to_pylist() == texts
            assert funnel.read == len(texts) == sum(funnel.parts.values())


def test_a_line_of_ten_megabytes(tmp_path, two):
    unit = "".join(chr(0x4E00 + k * 7919 % 20000) for k in range(1000))
    book = unit * 3500  # 10.5 MB
    (tmp_path / "a.txt").write_text(f"春眠不觉晓\n{book}\n{book}\n夜来风雨声", encoding="utf-8")
    for place in (spreading.Here(), two):
        funnel = Pipeline(STEPS).run_at(place, [tmp_path / "a.txt"], tmp_path / "o.parquet")
        texts = storage.read(tmp_path / "o.parquet", SCHEMA)["text"].to_pylist()
        assert [len(text) for text in texts] == [5, len(book), 5] and funnel.read == 4


def test_bad_files_are_named_and_what_was_there_stays(tmp_path, two):
    good, out = tmp_path / "good.txt", tmp_path / "out.parquet"
    good.write_bytes("春眠不觉晓\r\n处处闻啼鸟\r夜来风雨声\n".encode())
    out.write_bytes(b"old")
    bad = {
        "broken.txt": ("好\n".encode() + b"\xff\xff", "第 2 行"),
        "binary.txt": (b"a\0b", "NUL"),
        "text.parquet": ("好\n".encode(), "读不出"),
    }
    for name, (raw, _) in bad.items():
        (tmp_path / name).write_bytes(raw)
    pq.write_table(pa.table({"text": [1], "x": ["好"]}), tmp_path / "other.parquet")
    bad["other.parquet"] = (b"", "有 text: int64，x: string；要的是 text: string")
    bad["missing.txt"] = (b"", "没有文件")
    before = sorted(os.listdir(tmp_path))
    for place in (spreading.Here(), two):
        for name, (_, said) in bad.items():
            with pytest.raises(UserError) as caught:
                Pipeline().run_at(place, [good, tmp_path / name], out)
            assert name in str(caught.value) and said in str(caught.value)
            assert out.read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == before
    Pipeline(near=None).run([good], out)
    assert storage.read(out, SCHEMA)["line"].to_pylist() == [1, 2, 3]


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    never = (tmp_path / "not looked for.txt",)
    folders = [tmp_path / "不在", tmp_path / "file"]
    folders += [Path("/proc")] if sys.platform == "linux" else []  # read-only for root too
    for folder in folders:
        with pytest.raises(UserError, match="写不进文件夹"):
            Pipeline().run(never, folder / "o.parquet")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="是文件夹"):
        Pipeline().run(never, tmp_path / "folder")
    with pytest.raises(UserError, match="既要读又要写"):
        Pipeline().run([tmp_path / "file"], tmp_path / "file")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Near(keep="last"),
        lambda: Near(threshold=0),
        lambda: Near(n=0),
        lambda: Pipeline((drop_html, drop_html)),
        lambda: Pipeline(bounds=(Bound(length), Bound(length, 3))),
        lambda: Pipeline(bounds=(Bound(length, name="empty"),)),
        lambda: Pipeline(bounds=(Bound(length, name="near"),)),
        lambda: Pipeline((drop_html,), (Bound(length, name="drop_html"),)),
        lambda: Pipeline(shares={"train": 0.5}),
        lambda: spreading.open_place(0),
        lambda: spreading.open_place(2, "tcp://127.0.0.1:1"),
    ],
)
def test_a_description_that_is_none(make):
    with pytest.raises(ValueError):
        make()


# --- what goes wrong on the way ----------------------------------------------------------------


def dies(text):
    os._exit(1)


def fails(text):
    raise ZeroDivisionError(text)


def sleeps(text):
    time.sleep(0.2)
    return text


def test_steps_that_cannot_be_sent_fail_or_die(tmp_path, two):
    path, out = tmp_path / "a.txt", tmp_path / "o.parquet"
    path.write_text("春眠不觉晓\n" * 50, encoding="utf-8")
    with pytest.raises(UserError, match="送不到别的进程"):
        Pipeline((lambda text: text,)).run_at(two, [path], out)
    for place in (spreading.Here(), two):
        with pytest.raises(ZeroDivisionError):
            Pipeline((fails,)).run_at(place, [path], out)
    with pytest.raises(UserError, match="中途没了"):
        Pipeline((dies,)).run([path], out, workers=2)
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_of_a_notebook(tmp_path, workers):
    """A function of a console, as of a notebook, is in no file that another process could read."""
    (tmp_path / "a.txt").write_text("春眠不觉晓", encoding="utf-8")
    program = (
        "import sys; from aigc_course.errors import UserError\n"
        "from aigc_course.text.pipeline import Pipeline\n"
        "def mine(text): return text + '！'\n"
        "try:\n"
        "    funnel = Pipeline((mine,)).run(['a.txt'], 'o.parquet', workers=int(sys.argv[1]))\n"
        "    print(funnel.read)\n"
        "except UserError as error: print(ascii(error.cause))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(workers)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    said = "1" if workers == 1 else ascii("笔记本里写的函数，别的进程看不到")
    assert done.stdout.strip() == said


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path):
    path, out = tmp_path / "a.txt", tmp_path / "o.parquet"
    path.write_text("\n".join(chr(0x4E00 + k) * 50 for k in range(3000)), encoding="utf-8")
    out.write_bytes(b"old")
    program = (
        "import resource, signal; from aigc_course.errors import UserError\n"
        "from aigc_course.text.pipeline import Pipeline\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: Pipeline().run(['a.txt'], 'o.parquet')\n"
        "except UserError as error: print(ascii(error.cause))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ascii("写满了")[1:-1] in done.stdout
    assert out.read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["a.txt", "o.parquet"]


def children(process):
    listed = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in listed.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle(tmp_path, how):
    path, out = tmp_path / "a.txt", tmp_path / "o.parquet"
    path.write_text("\n".join(map(str, range(1000))), encoding="utf-8")
    out.write_bytes(b"old")
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.text.test_pipeline import Pipeline, pipeline, sleeps\n"
        "pipeline.CHUNK_ROWS = 200  # 40 seconds each: nobody is to wait for them\n"
        "if __name__ == '__main__':\n"
        "    Pipeline((sleeps,)).run([Path(sys.argv[1])], Path(sys.argv[2]), workers=2)"
    )
    script = tmp_path / "script.py"
    script.write_text(program, encoding="utf-8")
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, str(script), str(path), str(out)],
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    for _ in range(600):
        begun = children(process.pid)
        if len(begun) >= 3:  # two workers and multiprocessing's own tracker
            break
        time.sleep(0.05)
    time.sleep(0.5)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: to the workers too
    else:
        process.kill()
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0 and len(begun) >= 3
    for _ in range(200):
        alive = [child for child in begun if Path(f"/proc/{child}").exists() and running(child)]
        if not alive:
            break
        time.sleep(0.1)
    assert not alive
    assert out.read_bytes() == b"old"
    if how == signal.SIGINT:
        assert b"KeyboardInterrupt" in said
        assert sorted(os.listdir(tmp_path)) == ["a.txt", "o.parquet", "script.py"]


def running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
