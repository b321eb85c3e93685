"""Ollama templates rendered by Go's own text/template = our prompts. Needs Go (Debian: golang-go); without it exit code 77.

    python tools/oracle/ollama_templates.py --tests build/release/text_test

The unit test program writes cases {template, messages, expected} (src/text/ollama_template_test.cc); a few lines of Go execute each
template as Ollama does, with .Messages and .System (ollama, template/template.go).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RENDER = """package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }
type testCase struct {
	Template string
	Messages []message
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	texts := []string{}
	for _, c := range cases {
		system := ""
		messages := []*message{}
		for i := range c.Messages {
			messages = append(messages, &c.Messages[i])
			if c.Messages[i].Role == "system" {
				system = c.Messages[i].Content
			}
		}
		parsed, err := template.New("").Option("missingkey=zero").Parse(c.Template)
		if err != nil {
			panic(err)
		}
		var out strings.Builder
		values := map[string]any{"System": system, "Messages": messages, "Response": ""}
		if err := parsed.Execute(&out, values); err != nil {
			panic(err)
		}
		texts = append(texts, out.String())
	}
	json.NewEncoder(os.Stdout).Encode(texts)
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", required=True, help="the unit test program of src/text")
    arguments = parser.parse_args()
    if not shutil.which("go"):
        print("skipped: Go is not installed, so that Ollama's templates are only compared with golden text")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "cases.json"
        command = [arguments.tests, "--gtest_filter=OllamaTemplate.WritesCasesForGo", "--gtest_brief=1"]
        subprocess.run(command, env={**os.environ, "FAQSMITH_WRITE_FILES": str(file)}, check=True)
        cases = json.loads(file.read_text())
        (Path(name) / "render.go").write_text(RENDER)
        wanted = [{"Template": c["template"], "Messages": [{"Role": m[0], "Content": m[1]} for m in c["messages"]]} for c in cases]
        environment = {**os.environ, "GOCACHE": f"{name}/cache", "GO111MODULE": "off"}
        run = subprocess.run(["go", "run", "render.go"], input=json.dumps(wanted), capture_output=True, text=True, cwd=name, env=environment, check=True)
        texts = json.loads(run.stdout)
    failures = 0
    for case, text in zip(cases, texts):
        if text != case["expected"]:
            failures += 1
            print(f"{case['format']} {case['messages']}\n  Go:   {text!r}\n  ours: {case['expected']!r}")
    print(f"Ollama templates: {len(cases) - failures} of {len(cases)} prompts as Go's text/template renders them")
    sys.exit(1 if failures or len(cases) < 30 else 0)


if __name__ == "__main__":
    main()
