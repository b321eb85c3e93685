# Shell completion: what bash offers at each place, and what fish and zsh offer where they are installed.
source "$(dirname "$0")/lib.sh"

mkdir docs
touch 'docs/a file.md' questions.jsonl
run completion bash
claim "bash's script is printed" exits 0
cp "$SCRATCH/.out" completion.bash
claim "it is valid bash" bash -n completion.bash
run completion powershell
claim "another shell is a user error" exits 2
claim "the shells that are known are named" err_has 'bash, zsh or fish'
run completion
claim "a shell must be named" exits 2

# offered WORD…: what bash completes the last word to, one a line.
offered() {
  bash -c 'source completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _faqsmith; printf "%s\n" "${COMPREPLY[@]}"' bash "$@" 2>&1
}
offers() {
  local want=$1
  shift
  out=$(offered "$@")
  [[ $'\n'"$out"$'\n' == *$'\n'"$want"$'\n'* ]]
}
offers_only() {
  local want=$1
  shift
  out=$(offered "$@")
  [ "$out" = "$want" ]
}
claim "a command's beginning gives the command" offers_only build faqsmith bui
claim "every command is offered" offers evaluate faqsmith ''
claim "the command is found behind global flags" offers_only --schema faqsmith -w bot --quiet ask --sch
claim "a command's own flags are offered" offers --n-best faqsmith ask --
claim "global flags are offered with them" offers --workspace faqsmith ask --
claim "flags of another command are not" offers_only '' faqsmith ask --gol
claim "global flags are offered before the command" offers_only --quiet faqsmith --qui
claim "a setting key is offered behind --set" offers train.method= faqsmith train --set train.me
claim "a setting key is offered before the command" offers_only seed= faqsmith --set see
claim "a choice's values are offered" offers_only lora faqsmith train --method lo
claim "formats are offered" offers_only sharegpt faqsmith export --data sh
claim "every form of export is offered" offers_only q8_0 faqsmith export q8
claim "files are offered as documents" offers docs faqsmith build d
claim "files are offered behind a flag" offers questions.jsonl faqsmith ask --batch que
claim "a file with a space is one word" offers 'docs/a file.md' faqsmith build docs/a
claim "config offers setting keys" offers bot.min_p faqsmith config bot.
claim "help offers commands" offers_only doctor faqsmith help doc
claim "nothing is offered for a number" offers_only '' faqsmith ask --n ''
for command in build ask chat collect generate curate split train evaluate export import status inspect doctor gates init config models completion help; do
  for flag in $("$FAQSMITH" "$command" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
    claim "$command completes $flag" offers "$flag" faqsmith "$command" "$flag"
  done
done

run completion fish
cp "$SCRATCH/.out" completion.fish
claim "fish's script names every flag of ask" out_has '-l n-best'
if command -v fish >/dev/null; then
  # complete_in_fish LINE: what fish offers for it, without descriptions.
  fish_offers() { out=$(fish --no-config -c "source completion.fish; complete -C '$2'" 2>&1 | cut -f1) && [[ $'\n'"$out"$'\n' == *$'\n'"$1"$'\n'* ]]; }
  claim "fish parses it" fish --no-config -n completion.fish
  claim "fish offers commands" fish_offers build 'faqsmith bui'
  claim "fish offers a command's flags" fish_offers --schema 'faqsmith ask --sch'
  claim "fish offers a choice's values" fish_offers lora 'faqsmith train --method lo'
  claim "fish offers setting keys" fish_offers seed= 'faqsmith config --set see'
  claim "fish offers files" fish_offers questions.jsonl 'faqsmith ask --batch que'
else
  echo "fish is not installed: its script is not run"
fi
run completion zsh
cp "$SCRATCH/.out" completion.zsh
claim "zsh's script names every flag of ask" out_has '--n-best['
if command -v zsh >/dev/null; then
  claim "zsh parses it" zsh -f -n completion.zsh
  # A zsh of its own behind a terminal: TAB lists what is offered.
  cat >ask_zsh.zsh <<'ZSH'
zmodload zsh/zpty
zpty shell 'PS1="ready> " zsh -f -i'
zpty -w shell 'autoload -U compinit; compinit -u -D; source completion.zsh; zstyle ":completion:*" list-prompt ""; LISTMAX=0; stty -echo; print "lo""aded"'
zpty -r shell text '*loaded*'
zpty -w -n shell "$1"$'\t'
sleep 1
zpty -r -t shell more && text+=$more
while zpty -r -t shell more; do text+=$more; done
print -r -- "$text"
ZSH
  zsh_offers() { out=$(timeout 60 zsh -f ask_zsh.zsh "$2" 2>&1) && [[ "$out" == *"$1"* ]]; }
  claim "zsh completes a command" zsh_offers 'faqsmith build' 'faqsmith bui'
  claim "zsh completes a command's flag" zsh_offers '--schema' 'faqsmith ask --sch'
  claim "zsh completes a setting key" zsh_offers 'train.schedule=' 'faqsmith config --set train.sched'
else
  echo "zsh is not installed: its script is not run"
fi
finish
