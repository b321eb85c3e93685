// Each script is made of one line for each command and flag; what a value may be is decided once, for all shells.
#include "cli/completion.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command_table.h"
#include "stages/export/export.h"

namespace faqsmith {
namespace {

enum class Fill { Nothing, Files, Words, Settings };  // Settings: a key, then '='

// What may stand for a flag's value or a command's arguments.
struct Values {
  Fill fill = Fill::Nothing;
  std::string words = {};  // Words: separated by spaces
};

std::string command_names() {
  std::vector<std::string> names;
  for (const Command& command : all_commands()) names.emplace_back(command.name);
  return join(names, " ");
}

std::string setting_keys(std::string_view ending) {
  std::vector<std::string> keys;
  for (const Setting& setting : all_settings()) keys.push_back(std::string(setting.key) + std::string(ending));
  return join(keys, " ");
}

Values values_of(const Flag& flag) {
  if (flag.name == "--set") return {Fill::Settings};
  if (flag.name == "--data") return {Fill::Words, "faq alpaca sharegpt messages"};
  if (flag.name == "--parts") return {Fill::Words, "train validation reworded unseen refusal gold all"};
  if (flag.value == "FILE" || flag.value == "FOLDER" || flag.value == "PATH" || flag.value == "MODEL")
    return {Fill::Files};
  const Setting* setting = find_setting(flag.setting);
  if (setting != nullptr && setting->type == SettingType::Choice)
    return {Fill::Words, replace_all(std::string(setting->choices), "|", " ")};
  return {};
}

Values arguments_of(const Command& command) {
  if (command.name == "help") return {Fill::Words, command_names()};
  if (command.name == "config") return {Fill::Words, setting_keys("")};
  if (command.name == "completion") return {Fill::Words, "bash zsh fish"};
  if (command.name == "models") return {Fill::Words, "list pull path"};
  if (command.name == "export") return {Fill::Words, join(export_kind_names(), " ")};
  if (command.arguments.find("DOCS") != std::string_view::npos ||
      command.arguments.find("FILE") != std::string_view::npos)
    return {Fill::Files};
  return {};
}

std::string flag_list(std::span<const Flag> flags) {
  std::string out;
  for (const Flag& flag : flags) out += std::string(flag.name) + " ";
  return out;
}

// ---- bash ----

std::string bash_fill(const Values& values) {
  switch (values.fill) {
    case Fill::Files:
      return "_faqsmith_files";
    case Fill::Words:
      return fmt::format("_faqsmith_words \"{}\"", values.words);
    case Fill::Settings:
      return fmt::format("_faqsmith_words \"{}\"; compopt -o nospace 2>/dev/null", setting_keys("="));
    case Fill::Nothing:
      break;
  }
  return ":";
}

std::string bash_flag_cases(std::span<const Flag> flags, std::string_view command) {
  std::string out;
  for (const Flag& flag : flags) {
    if (flag.value.empty()) continue;
    const std::string place = std::string(command) + ":";
    out += fmt::format("    {}{}{}) {}; return ;;\n", place, flag.name,
                       flag.letter.empty() ? "" : "|" + place + std::string(flag.letter), bash_fill(values_of(flag)));
  }
  return out;
}

std::string bash() {
  std::string skip, flag_cases, argument_cases, flag_names;
  for (const Flag& flag : global_flags()) {
    if (flag.value.empty()) continue;
    skip += (skip.empty() ? "" : "|") + std::string(flag.name) +
            (flag.letter.empty() ? "" : "|" + std::string(flag.letter));
  }
  for (const Command& command : all_commands()) {
    flag_cases += bash_flag_cases(command.flags, command.name);
    flag_names += fmt::format("    {}) flags=\"{}\" ;;\n", command.name, flag_list(command.flags));
    argument_cases += fmt::format("    {}) {} ;;\n", command.name, bash_fill(arguments_of(command)));
  }
  flag_cases += bash_flag_cases(global_flags(), "*");
  return fmt::format(
      R"(# bash completion for faqsmith: source <(faqsmith completion bash)
_faqsmith_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }}
_faqsmith_files() {{
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  compopt -o filenames 2>/dev/null
}}
_faqsmith() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD - 1]}}" command="" flags="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in
    {}) ((i++)) ;;
    -*) ;;
    *) command="${{COMP_WORDS[i]}}"; break ;;
    esac
  done
  case "$command:$prev" in
{}  esac
  case "$command" in
{}  esac
  if [[ "$cur" == -* ]]; then
    _faqsmith_words "$flags{}"
    return
  fi
  case "$command" in
    "") _faqsmith_words "{}" ;;
{}  esac
}}
complete -F _faqsmith faqsmith
)",
      skip, flag_cases, flag_names, flag_list(global_flags()), command_names(), argument_cases);
}

// ---- zsh ----

// Inside single quotes; colons and brackets have a meaning in _arguments.
std::string zsh_text(std::string_view text) {
  std::string out = replace_all(std::string(text), "'", "'\\''");
  for (const char* mark : {":", "[", "]"}) out = replace_all(out, mark, "\\" + std::string(mark));
  return out;
}

std::string zsh_fill(const Values& values) {
  switch (values.fill) {
    case Fill::Files:
      return "_files";
    case Fill::Words:
      return fmt::format("({})", values.words);
    case Fill::Settings:
      return "_faqsmith_settings";
    case Fill::Nothing:
      break;
  }
  return " ";
}

std::string zsh_flags(std::span<const Flag> flags) {
  std::string out;
  for (const Flag& flag : flags) {
    const std::string rest =
        fmt::format("[{}]{}'", zsh_text(flag.help),
                    flag.value.empty() ? "" : fmt::format(":{}:{}", zsh_text(flag.value), zsh_fill(values_of(flag))));
    for (const auto name : {flag.letter, flag.name}) {
      if (!name.empty()) out += fmt::format(" \\\n        '*{}{}", name, rest);
    }
  }
  return out;
}

std::string zsh() {
  std::string commands, cases;
  for (const Command& command : all_commands()) {
    commands += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.summary));
    const Values values = arguments_of(command);
    const std::string rest =
        values.fill == Fill::Nothing ? "" : fmt::format(" \\\n        '*:argument:{}'", zsh_fill(values));
    cases += fmt::format("      {})\n        _arguments -S{}{} ;;\n", command.name,
                         zsh_flags(command.flags) + zsh_flags(global_flags()), rest);
  }
  return fmt::format(
      R"(#compdef faqsmith
# zsh completion for faqsmith: source <(faqsmith completion zsh), or as _faqsmith in a folder of $fpath
_faqsmith_settings() {{ compadd -S = -- {} }}
_faqsmith() {{
  local state line
  typeset -A opt_args
  local -a commands=(
{}  )
  _arguments -C{} \
        '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $line[1] in
{}      esac ;;
  esac
}}
if [ "$funcstack[1]" = "_faqsmith" ]; then _faqsmith "$@"; else compdef _faqsmith faqsmith; fi
)",
      setting_keys(""), commands, zsh_flags(global_flags()), cases);
}

// ---- fish ----

std::string fish_text(std::string_view text) {
  return replace_all(replace_all(std::string(text), "\\", "\\\\"), "'", "\\'");
}

std::string fish_fill(const Values& values) {
  switch (values.fill) {
    case Fill::Files:
      return " -r -F";
    case Fill::Words:
      return fmt::format(" -x -a '{}'", values.words);
    case Fill::Settings:
      return fmt::format(" -x -a '{}'", setting_keys("="));
    case Fill::Nothing:
      break;
  }
  return " -x";
}

std::string fish_flags(std::span<const Flag> flags, const std::string& condition) {
  std::string out;
  for (const Flag& flag : flags) {
    out += fmt::format("complete -c faqsmith{}{} -l {}{} -d '{}'\n", condition,
                       flag.letter.empty() ? "" : " -s " + std::string(flag.letter.substr(1)), flag.name.substr(2),
                       flag.value.empty() ? "" : fish_fill(values_of(flag)), fish_text(flag.help));
  }
  return out;
}

std::string fish() {
  std::string out = "# fish completion for faqsmith: faqsmith completion fish | source\ncomplete -c faqsmith -f\n";
  out += fish_flags(global_flags(), "");
  const std::string none = fmt::format(" -n 'not __fish_seen_subcommand_from {}'", command_names());
  for (const Command& command : all_commands()) {
    const std::string here = fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name);
    out += fmt::format("complete -c faqsmith{} -a {} -d '{}'\n", none, command.name, fish_text(command.summary));
    const Values values = arguments_of(command);
    if (values.fill == Fill::Files) out += fmt::format("complete -c faqsmith{} -F\n", here);
    if (values.fill == Fill::Words) out += fmt::format("complete -c faqsmith{} -a '{}'\n", here, values.words);
    out += fish_flags(command.flags, here);
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  if (shell == "fish") return fish();
  throw Error(Kind::User, fmt::format("there is no completion for '{}'", shell), "write bash, zsh or fish");
}

}  // namespace faqsmith
