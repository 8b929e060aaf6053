"""Statistics from cgroup files of every version, played with folders."""

from __future__ import annotations

import json

from contain.container.show import class_usage
from contain.kernel.usage import UNLIMITED, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, **files: str) -> str:
    """Files of one cgroup; `_` stands for a dot."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return str(folder)


def test_v2(tmp_path: Path) -> None:
    """Everything comes from one folder; times become nanoseconds, swap counts memory too."""
    folder = write(
        tmp_path,
        cpu__stat="usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 7\nnr_throttled 2\nthrottled_usec 9\n",
        memory__current="4096\n",
        memory__max="8192\n",
        memory__peak="5000\n",
        memory__swap__current="100\n",
        memory__swap__max="1000\n",
        memory__stat="anon 1000\nfile 3000\n",
        memory__events="low 0\nmax 3\noom_kill 1\n",
        pids__current="5\n",
        pids__max="max\n",
        io__stat="8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n7:0 \n",
        hugetlb__2MB__current="2097152\n",
        hugetlb__2MB__events="max 4\n",
        memory__pressure="some avg10=1.50 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
    )
    found = usage({"": folder})
    assert found["cpu"]["usage"] == {"total": 1_500_000, "kernel": 500_000, "user": 1_000_000}
    assert found["cpu"]["throttling"] == {"periods": 7, "throttledPeriods": 2, "throttledTime": 9000}
    assert found["memory"]["usage"] == {"limit": 8192, "usage": 4096, "max": 5000, "failcnt": 3}
    assert found["memory"]["swap"]["usage"] == 4196
    assert found["memory"]["swap"]["limit"] == 9192
    assert (found["memory"]["cache"], found["memory"]["raw"]["anon"]) == (3000, 1000)
    assert found["memory"]["psi"]["some"] == {"avg10": 1.5, "avg60": 0, "avg300": 0, "total": 77}
    assert "psi" not in found["cpu"]
    assert found["pids"] == {"current": 5, "limit": 0}
    assert found["blkio"]["ioServiceBytesRecursive"][1] == {"major": 8, "minor": 0, "op": "Write", "value": 20}
    assert found["hugetlb"] == {"2MB": {"usage": 2097152, "max": 0, "failcnt": 4}}


def test_v1(tmp_path: Path) -> None:
    """Each controller has its folder."""
    folders = {
        "cpuacct": write(
            tmp_path / "cpuacct",
            cpuacct__usage="123\n",
            cpuacct__usage_percpu="100 23 \n",
            cpuacct__usage_all="cpu user system\n0 60 40\n1 13 10\n",
            cpuacct__stat="user 2\nsystem 1\n",
        ),
        "cpuset": write(tmp_path / "cpuset", cpuset__cpus="0-2,8\n", cpuset__mems="0\n", cpuset__sched_relax_domain_level="-1\n"),
        "cpu": write(tmp_path / "cpu", cpu__stat="nr_periods 1\nnr_throttled 0\nthrottled_time 77\n"),
        "memory": write(
            tmp_path / "memory",
            memory__usage_in_bytes="5\n",
            memory__limit_in_bytes="9223372036854771712\n",
            memory__max_usage_in_bytes="6\n",
            memory__failcnt="1\n",
            memory__stat="cache 4\nrss 1\n",
        ),
        "pids": write(tmp_path / "pids", pids__current="1\n", pids__max="64\n"),
        "blkio": write(tmp_path / "blkio", blkio__throttle__io_service_bytes_recursive="8:0 Read 512\n8:0 Write 0\nTotal 512\n"),
    }
    found = usage(folders)
    assert found["cpu"]["usage"]["total"] == 123
    assert found["cpu"]["usage"]["percpu"] == [100, 23]
    assert (found["cpu"]["usage"]["percpu_user"], found["cpu"]["usage"]["percpu_kernel"]) == ([60, 13], [40, 10])
    assert (found["cpuset"]["cpus"], found["cpuset"]["mems"], found["cpuset"]["sched_relax_domain_level"]) == ([0, 1, 2, 8], [0], -1)
    assert found["cpu"]["usage"]["user"] == 2 * found["cpu"]["usage"]["kernel"]
    assert found["cpu"]["throttling"]["throttledTime"] == 77
    assert found["memory"]["usage"]["limit"] == 9223372036854771712
    assert found["memory"]["raw"] == {"cache": 4, "rss": 1}
    assert found["pids"] == {"current": 1, "limit": 64}
    assert found["blkio"] == {
        "ioServiceBytesRecursive": [
            {"major": 8, "minor": 0, "op": "Read", "value": 512},
            {"major": 8, "minor": 0, "op": "Write", "value": 0},
        ]
    }


def test_unlimited_and_empty(tmp_path: Path) -> None:
    """`max` is the greatest number; a cgroup that is gone reads as nothing; no cgroup at all gives no rows."""
    folder = write(tmp_path, memory__max="max\n", memory__swap__max="0\n")
    found = usage({"": folder})
    assert found["memory"]["usage"]["limit"] == UNLIMITED
    assert found["memory"]["swap"]["limit"] == UNLIMITED
    assert usage({"": str(tmp_path / "gone")})["pids"] == {"current": 0, "limit": 0}
    assert usage({}) == {"hugetlb": {}}


def test_class_of_rdt(tmp_path: Path) -> None:
    """The class's shares beside everybody's, and what was counted: in the group of the container alone, if it has one."""
    for folder, files in {
        "info/L3": {"cbm_mask": "7ff\n", "min_cbm_bits": "1\n", "num_closids": "16\n"},
        "info/MB": {"bandwidth_gran": "10\n", "delay_linear": "1\n", "min_bandwidth": "10\n", "num_closids": "8\n"},
        ".": {"schemata": "    L3:0=7ff\n    MB:0= 100\n"},
        "gold": {"schemata": "    L3:0=00f\n    MB:0=  50\n"},
        "gold/mon_groups/web/mon_data/mon_L3_00": {"llc_occupancy": "1\n", "mbm_total_bytes": "2\n", "mbm_local_bytes": "3\n"},
        "gold/mon_data/mon_L3_00": {"llc_occupancy": "10\n"},
    }.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text)

    def used(rdt: dict[str, object] | None) -> dict[str, object]:
        return class_usage(json.dumps({"linux": {"intelRdt": rdt}}), "web", str(tmp_path))

    found = used({"closID": "gold", "enableMonitoring": True})
    assert found["l3_cache_info"] == {"cbm_mask": "7ff", "min_cbm_bits": 1, "num_closids": 16}
    assert found["mem_bw_info"] == {"bandwidth_gran": 10, "delay_linear": 1, "min_bandwidth": 10, "num_closids": 8}
    assert (found["l3_cache_schema_root"], found["l3_cache_schema"], found["mem_bw_schema"]) == ("L3:0=7ff", "L3:0=00f", "MB:0=  50")
    assert found["mbm_stats"] == [{"mbm_total_bytes": 2, "mbm_local_bytes": 3}]
    assert found["cmt_stats"] == [{"llc_occupancy": 1}]
    assert used({"closID": "gold"})["cmt_stats"] == [{"llc_occupancy": 10}]
    assert used(None) == {}
