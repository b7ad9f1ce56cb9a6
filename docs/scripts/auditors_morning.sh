#!/bin/sh
# An auditor's morning, one command for each question. Every command only reads, and answers as JSON with --json.
#
#   sh docs/scripts/auditors_morning.sh MODEL VERSION JOB OTHER_JOB SHEET PAIR
#
# Through a service elsewhere: set TRAINING_PIPELINE_URL and TRAINING_PIPELINE_TOKEN first.
set -eu
MODEL=$1 VERSION=$2 JOB=$3 OTHER_JOB=$4 SHEET=$5 PAIR=$6

echo "== What was the model trained on, where does it come from, and how does it stand?"
training-pipeline models show "$MODEL" "$VERSION"

echo "== Who allowed each row?"
training-pipeline jobs lineage "$JOB" --pairs train
training-pipeline jobs lineage "$JOB" --pairs validation

echo "== Which models learned from this row?"
training-pipeline uses --pair "$PAIR" --sheet "$SHEET"

echo "== What changed between two jobs?"
training-pipeline jobs diff "$OTHER_JOB" "$JOB"

echo "== What was withdrawn, and what was decided about the version?"
training-pipeline revocations --job "$JOB"
training-pipeline models decisions --name "$MODEL" --version "$VERSION"

echo "== Is the version clean today? (exit code 2: no, 3: not everything can be checked)"
training-pipeline models verify "$MODEL" "$VERSION"
