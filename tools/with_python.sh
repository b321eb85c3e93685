#!/usr/bin/env bash
# Runs a Python script with the tests' interpreter ($FAQSMITH_PYTHON, set by tools/run_tests.sh), else with python3.
exec "${FAQSMITH_PYTHON:-python3}" "$@"
