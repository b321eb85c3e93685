# Settings: file, environment, flags, who wins, and what is refused.
source "$(dirname "$0")/lib.sh"

mkdir docs "more docs"
run init ./missing -w bot
claim "init names a folder that is not there" exits 2
run init ./docs "./more docs" -w bot
claim "init succeeds" exits 0
claim "init writes the file" test -f bot/faqsmith.yaml
run init -w bot
claim "init keeps a file that is there" exits 2
run init -w bot --force
claim "init --force replaces it" exits 0
run config -w bot --json
claim "the file of init is valid" exits 0
claim "config --json is JSON" valid_json
cp "$SCRATCH/.out" defaults.json

# Round trip: every commented setting switched on says what the default says.
sed -E 's/^( *)#([a-z_]+:)/\1\2/' bot/faqsmith.yaml >all.yaml
run config --config all.yaml --json
claim "all settings of init's file are accepted" exits 0
cp "$SCRATCH/.out" all.json
same_values() {
  python3 - <<'PY'
import json
a, b = json.load(open("defaults.json")), json.load(open("all.json"))
assert a.keys() == b.keys()
for key in a:
    assert a[key]["value"] == b[key]["value"], key
    assert b[key]["origin"] == "file", key
PY
}
claim "they say what the defaults say" same_values

printf 'seed: 3\ntrain:\n  steps: 5\n' >w.yaml
run config --config w.yaml seed train.steps
claim "a value of the file is shown with its line" out_has 'file (w.yaml:3)'
export FAQSMITH_SEED=4
run config --config w.yaml seed
claim "the environment wins over the file" out_has 'environment (FAQSMITH_SEED)'
run config --config w.yaml --set seed=5 seed
claim "a flag wins over the environment" out_has 'flag (--set)'
unset FAQSMITH_SEED
FAQSMITH_TRAIN_METHD=full run config
claim "a misspelt variable is warned about" err_has 'did you mean FAQSMITH_TRAIN_METHOD?'
run config train
claim "a group can be shown" out_has train.learning_rate
run config train.metod
claim "an unknown name gets a suggestion" err_has "did you mean 'train.method'?"

printf 'seed: 3\ntrain:\n  stesp: 5\n' >w.yaml
run config --config w.yaml
claim "an unknown key is a user error" exits 2
claim "an unknown key is named with file and line" err_has 'w.yaml:3'
claim "an unknown key gets a suggestion" err_has "did you mean 'train.steps'?"
printf 'train:\n  steps: soon\n' >w.yaml
run config --config w.yaml
claim "a wrong type is named with file, line and key" err_has "w.yaml:2: train.steps is 'soon'"
claim "a wrong type says what is right" err_has 'a whole number'
printf 'train: [\n' >w.yaml
run config --config w.yaml
claim "broken YAML is a user error" exits 2
run config --config missing.yaml
claim "a missing settings file fails" exits 1
run config --set seed
claim "--set without = is a user error" exits 2
run config --set seed=-1
claim "--set is checked like the file" err_has "seed is '-1'"
run config --threads many
claim "a named flag is checked like the file" err_has "threads is 'many'"
finish
