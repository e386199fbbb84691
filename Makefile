# make run   the main job on the built-in sample drive
# make test  every check and test
# Both make the environment first (.venv); the second time that takes a second.

.PHONY: run test check setup benchmark

run: setup
	.venv/bin/roaddamage sample --out sample
	.venv/bin/roaddamage detect sample/sample.mp4 --camera-height 1.3 --hfov 65 --out out/sample --overwrite

test: setup
	scripts/test

setup:
	@scripts/setup

benchmark: setup
	.venv/bin/python -m benchmarks.main_job
	.venv/bin/python -m benchmarks.telemetry
	.venv/bin/python -m benchmarks.decoding
	.venv/bin/python -m benchmarks.inference
	.venv/bin/python -m benchmarks.masking
	.venv/bin/python -m benchmarks.map_page
	.venv/bin/python -m benchmarks.records_pages
	.venv/bin/python -m benchmarks.truth
	.venv/bin/python -m benchmarks.segments
	.venv/bin/python -m benchmarks.records_counting
