// Text only; nothing here knows what a command does.
#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/output.h"

namespace faqsmith {
namespace {

constexpr std::size_t kWidth = 100;

std::string bold(std::string_view text, bool colour) {
  return colour ? fmt::format("\033[1m{}\033[0m", text) : std::string(text);
}

std::string flag_names(const Flag& flag) {
  std::string names = flag.letter.empty() ? "    " : std::string(flag.letter) + ", ";
  names += flag.name;
  if (!flag.value.empty()) names += " " + std::string(flag.value);
  return names;
}

std::string flag_lines(std::span<const Flag> flags) {
  std::size_t widest = 0;
  for (const auto& flag : flags) widest = std::max(widest, flag_names(flag).size());
  std::string out;
  for (const auto& flag : flags) {
    std::string help(flag.help);
    if (!flag.setting.empty()) help += fmt::format(" (setting {})", flag.setting);
    std::string text = wrap(help, kWidth, std::string(widest + 4, ' '));
    const std::string names = flag_names(flag);
    text.replace(2, names.size(), names);
    out += text;
  }
  return out;
}

std::string example_lines(std::string_view examples, std::string_view indent) {
  std::string out;
  for (const auto line : split(examples, '\n')) {
    if (!line.empty()) out += fmt::format("{}{}\n", indent, line);
  }
  return out;
}

// roff gives meaning to backslashes, hyphens and a dot or quote that opens a line.
std::string roff(std::string_view text) {
  std::string out = replace_all(replace_all(std::string(text), "\\", "\\e"), "-", "\\-");
  if (out.starts_with(".") || out.starts_with("'")) out.insert(0, "\\&");
  return out;
}

std::string roff_flags(std::span<const Flag> flags) {
  std::string out;
  for (const auto& flag : flags) {
    out += fmt::format(".TP\n\\fB{}{}\\fR{}\n{}\n", flag.letter.empty() ? "" : roff(flag.letter) + ", ",
                       roff(flag.name), flag.value.empty() ? "" : " \\fI" + roff(flag.value) + "\\fR", roff(flag.help));
  }
  return out;
}

}  // namespace

std::string overview_help(bool colour) {
  std::string out = bold("faqsmith", colour) + ": documents in, a fine-tuned and measured FAQ chatbot out.\n\n";
  out += bold("Usage", colour) + ": faqsmith [FLAGS] COMMAND [ARGUMENTS]\n\n";
  out += bold("The two commands to know", colour) +
         "\n  faqsmith build ./docs -w bot           # read, write questions, train, measure\n"
         "  faqsmith ask -w bot \"How do I …?\"      # ask the result; it names its source\n";
  std::string group;
  for (const auto& command : all_commands()) {
    if (command.group.empty()) continue;
    if (command.group != group) out += "\n" + bold(command.group, colour) + "\n";
    group = command.group;
    out += fmt::format("  {:<10} {}\n", command.name, command.summary);
  }
  out += "\n" + bold("Flags of every command", colour) + "\n" + flag_lines(global_flags());
  out += "\nMore: faqsmith COMMAND --help. All settings: faqsmith config. Exit codes: 0 done, 1 failed, 2 wrong use.\n";
  return out;
}

std::string command_help(const Command& command, bool colour) {
  std::string out =
      fmt::format("{}: {}\n\n{}: faqsmith {} {}\n\n", bold("faqsmith " + std::string(command.name), colour),
                  command.summary, bold("Usage", colour), command.name, command.arguments);
  for (const auto paragraph : split(command.text, '\n')) {
    if (!paragraph.empty()) out += wrap(paragraph, kWidth, "");
  }
  if (!command.examples.empty()) out += "\n" + bold("Examples", colour) + "\n" + example_lines(command.examples, "  ");
  if (!command.flags.empty()) out += "\n" + bold("Flags", colour) + "\n" + flag_lines(command.flags);
  out += "\n" + bold("Flags of every command", colour) + "\n" + flag_lines(global_flags());
  return out;
}

std::string man_page() {
  std::string out =
      ".TH FAQSMITH 1\n.SH NAME\nfaqsmith \\- documents in, a fine\\-tuned and measured FAQ chatbot out\n"
      ".SH SYNOPSIS\n\\fBfaqsmith\\fR [\\fIFLAGS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n.SH COMMANDS\n";
  for (const auto& command : all_commands()) {
    out += fmt::format(".SS \"faqsmith {} {}\"\n{}.\n\n", command.name, roff(command.arguments), roff(command.summary));
    for (const auto paragraph : split(command.text, '\n')) {
      if (!paragraph.empty()) out += roff(paragraph) + "\n.PP\n";
    }
    out += roff_flags(command.flags);
    if (!command.examples.empty()) out += ".PP\n.nf\n" + roff(example_lines(command.examples, "    ")) + ".fi\n";
  }
  out += ".SH FLAGS OF EVERY COMMAND\n" + roff_flags(global_flags()) + ".SH SETTINGS\n";
  for (const auto& setting : all_settings()) {
    out += fmt::format(".TP\n\\fB{}\\fR ({}; {})\n{}\n", roff(setting.key), roff(environment_name(setting)),
                       roff(describe_range(setting)), roff(setting.help));
  }
  return out + ".SH EXIT STATUS\n0 done; 1 failed; 2 wrong flag, setting or order of commands; 130 interrupted.\n";
}

}  // namespace faqsmith
