#!/usr/bin/env python3
"""Ganoscope beside ONNX Runtime, PyTorch and zennit: the same networks, the same batch, one run.

    python3 core/benches/peers/run.py [--rounds N] [--seconds S] [--threads 1,2] [TASK ...]
    python3 core/benches/peers/run.py --memory [--rounds N] [--threads 1,2] [TASK ...]
    python3 core/benches/peers/run.py --prepare

Makes a virtual environment in target/peers on the first call (PyPI: several gigabytes; --prepare does no more), builds our side with cargo, then
goes round: every round measures ours and every peer of a task one after the other, so that a noisy machine disturbs all
alike. Prints medians over the rounds and the ratio ours / peer.

With --memory it measures resident memory instead (Linux): each task in a fresh process, the largest during a few calls,
and what of it came after the imports and before the model was loaded. The ratio is of the latter, so that Python and the
size of a library do not count against a peer. ONNX Runtime reads its model from a file that another process wrote.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
THEIRS = pathlib.Path(__file__).with_name("theirs.py")
ENVIRONMENT = ROOT / "target" / "peers"
PACKAGES = ["numpy", "onnx", "onnxruntime", "torch", "zennit"]

# Task: the peers it is measured beside.
TASKS = {
    "g16-forward-1": ["onnxruntime", "torch"],
    "g16-forward-16": ["onnxruntime", "torch"],
    "g64-forward-1": ["onnxruntime", "torch"],
    "g64-forward-16": ["onnxruntime", "torch"],
    "d16-forward-1": ["onnxruntime", "torch"],
    "d16-forward-16": ["onnxruntime", "torch"],
    "d64-forward-1": ["onnxruntime", "torch"],
    "d64-forward-16": ["onnxruntime", "torch"],
    "d16-epsilon-plus-1": ["zennit"],
    "d16-epsilon-plus-16": ["zennit"],
    "d64-epsilon-plus-1": ["zennit"],
    "d64-epsilon-plus-16": ["zennit"],
    "g16-train-8": ["torch"],
    "g16-resume-1": [],
}


def ensure_environment():
    """The virtual environment's Python, made when it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    done = ENVIRONMENT / "complete"
    if not done.exists():
        print(f"installing {', '.join(PACKAGES)} into {ENVIRONMENT}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        done.touch()
    return python


def build_ours():
    """The path of our executable."""
    command = ["cargo", "bench", "--workspace", "--bench", "peers", "--no-run", "--message-format", "json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "peers":
            return message["executable"]
    raise SystemExit("cargo named no executable")


def measure(command):
    """The numbers that a command prints in its last line."""
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [float(word) for word in output.splitlines()[-1].split()]


def rounds(count, names, command):
    """For each name the medians of what `command(name)` prints, over rounds that take the names in turn."""
    rows = {name: [] for name in names}
    for _ in range(count):
        for name in names:
            rows[name].append(measure(command(name)))
    return {name: [statistics.median(column) for column in zip(*found)] for name, found in rows.items()}


def compare_times(tasks, arguments, python, ours):
    print("| task | threads | ours, ms | peer, ms | ours / peer |")
    print("| --- | --- | --- | --- | --- |")
    for task in tasks:
        for threads in arguments.threads.split(","):

            def command(name):
                program = [ours, "time"] if name == "ours" else [python, THEIRS, "time", name]
                return [*program, task, threads, str(arguments.seconds)]

            found = rounds(arguments.rounds, ["ours", *TASKS[task]], command)
            [mine] = found.pop("ours")
            if not found:
                print(f"| {task} | {threads} | {mine:.2f} | | |", flush=True)
            for name, [value] in found.items():
                print(f"| {task} | {threads} | {mine:.2f} | {name} {value:.2f} | {mine / value:.2f} |", flush=True)


def compare_memory(tasks, arguments, python, ours):
    print("| task | threads | ours: peak, of it since start, MiB | peer: peak, of it since its imports, MiB | ours / peer |")
    print("| --- | --- | --- | --- | --- |")
    for task in tasks:
        for threads in arguments.threads.split(","):
            with tempfile.TemporaryDirectory() as folder:
                model = pathlib.Path(folder) / "model.onnx"
                if "onnxruntime" in TASKS[task]:
                    subprocess.run([python, THEIRS, "model", task, model], check=True)

                def command(name):
                    if name == "ours":
                        return [ours, "memory", task, threads]
                    return [python, THEIRS, "memory", name, task, threads, *([model] if name == "onnxruntime" else [])]

                found = rounds(arguments.rounds, ["ours", *TASKS[task]], command)
            # KiB before and at most; in MiB at most and more than before.
            found = {name: (most / 1024, (most - before) / 1024) for name, (before, most) in found.items()}
            most, more = found.pop("ours")
            mine = f"| {task} | {threads} | {most:.0f}, {more:.0f} |"
            if not found:
                print(mine, "| |", flush=True)
            for name, (peak, above) in found.items():
                print(mine, f"{name} {peak:.0f}, {above:.0f} | {more / above:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--prepare", action="store_true", help="make the virtual environment and measure nothing")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for one measurement")
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    compare = compare_memory if arguments.memory else compare_times
    python = ensure_environment()
    if not arguments.prepare:
        compare(arguments.tasks or TASKS, arguments, python, build_ours())


if __name__ == "__main__":
    main()
