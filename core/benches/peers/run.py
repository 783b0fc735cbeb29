#!/usr/bin/env python3
"""Ganoscope beside ONNX Runtime, PyTorch and zennit: the same networks, the same batch, one run.

    python3 core/benches/peers/run.py [--rounds N] [--seconds S] [--threads 1,2] [TASK ...]

Makes a virtual environment in target/peers on the first call (PyPI: several gigabytes), builds our side with cargo, then
goes round: every round measures ours and every peer of a task one after the other, so that a noisy machine disturbs all
alike. Prints medians over the rounds and the ratio ours / peer.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
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
    import json

    for line in output.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "peers":
            return message["executable"]
    raise SystemExit("cargo named no executable")


def measure(command):
    """The number that a command prints last."""
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(output.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for one measurement")
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    python, ours = ensure_environment(), build_ours()
    theirs = pathlib.Path(__file__).with_name("theirs.py")
    print("| task | threads | ours, ms | peer, ms | ours / peer |")
    print("| --- | --- | --- | --- | --- |")
    for task in arguments.tasks or TASKS:
        for threads in arguments.threads.split(","):
            names = ["ours", *TASKS[task]]
            times = {name: [] for name in names}
            for _ in range(arguments.rounds):
                for name in names:
                    call = [ours] if name == "ours" else [str(python), str(theirs), name]
                    times[name].append(measure([*call, task, threads, str(arguments.seconds)]))
            median = {name: statistics.median(values) for name, values in times.items()}
            mine = median.pop("ours")
            if not median:
                print(f"| {task} | {threads} | {mine:.2f} | | |", flush=True)
            for name, value in median.items():
                print(f"| {task} | {threads} | {mine:.2f} | {name} {value:.2f} | {mine / value:.2f} |", flush=True)


if __name__ == "__main__":
    main()
