"""The pipeline on a Dask cluster of two processes: the bytes of one core; bad addresses told."""

import os

import pytest

from aigc_course.errors import UserError
from aigc_course.text import pipeline, spreading
from aigc_course.text.cleaning import drop_html, squeeze_spaces
from aigc_course.text.pipeline import Pipeline
from tests.classroom.grading.test_dask_cluster import cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="SIGKILL"),
    # of the library: left behind when a worker is killed in the middle of a message
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_cluster_gives_the_bytes_of_one_core(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", 50)
    lines = [f"<p>春眠不觉晓{chr(0x4E00 + k % 400) * 4}处处闻啼鸟{k % 3}" for k in range(1500)]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    description = Pipeline((drop_html, squeeze_spaces))
    one = description.run([path], tmp_path / "one.parquet")
    with cluster(tmp_path) as (address, workers):
        many = description.run([path], tmp_path / "many.parquet", cluster=address)
        assert many == one
        assert (tmp_path / "many.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()
        workers[0].kill()  # whether it is noticed before or during the run, the other one does it
        again = description.run([path], tmp_path / "again.parquet", cluster=address)
        assert again == one
        assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()
        monkeypatch.setattr(spreading, "fingerprint", lambda: "another")
        with pytest.raises(UserError, match="不是这里的课程"):
            description.run([path], tmp_path / "other.parquet", cluster=address)
    assert not (tmp_path / "other.parquet").exists()


def test_no_scheduler_and_no_worker(tmp_path):
    with pytest.raises(UserError, match="连不上调度器"):
        spreading.Cluster("tcp://127.0.0.1:1", wait=1)
    with (
        cluster(tmp_path, workers=0) as (address, _),
        pytest.raises(UserError, match="没有工作进程"),
    ):
        spreading.Cluster(address, wait=1)
