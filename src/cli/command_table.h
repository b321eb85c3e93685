// The table of commands: names, flags, help and handlers in one place; parsing, help, "did you mean", the man page and
// shell completion all read it.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/reporter.h"
#include "sys/file.h"

namespace faqsmith {

struct Flag {
  std::string_view name;     // "--budget"
  std::string_view letter;   // "-w", or empty
  std::string_view value;    // "TIME"; empty: a switch
  std::string_view setting;  // the setting it stands for, or empty
  std::string_view help;
};

// Everything a handler needs.
struct Session {
  std::string command;                                               // its name
  std::vector<std::string> arguments;                                // without the command's name
  std::map<std::string, std::string, std::less<>> flags;             // "--base" -> "" for switches; the last one counts
  std::map<std::string, std::vector<std::string>, std::less<>> all;  // every value of a flag that has values
  Config config;
  fs::path workspace;
  fs::path config_file;  // the settings file that was read, or would be
  bool json = false;
  Reporter* reporter = nullptr;
  [[nodiscard]] bool has(std::string_view flag) const { return flags.contains(flag); }
  [[nodiscard]] std::string get(std::string_view flag, const std::string& otherwise = "") const {
    const auto found = flags.find(flag);
    return found == flags.end() ? otherwise : found->second;
  }
  [[nodiscard]] std::vector<std::string> get_all(std::string_view flag) const {
    const auto found = all.find(flag);
    return found == all.end() ? std::vector<std::string>{} : found->second;
  }
};

struct Command {
  std::string_view name;
  std::string_view group;      // heading in --help
  std::string_view summary;    // one line
  std::string_view arguments;  // "DOCS...", for the usage line
  std::size_t min_arguments, max_arguments;
  std::string_view text;      // a paragraph
  std::string_view examples;  // lines "command  # what it does"
  std::span<const Flag> flags;
  int (*run)(Session&);
};

inline constexpr std::size_t kAnyNumber = 1u << 20;

[[nodiscard]] std::span<const Command> all_commands();
[[nodiscard]] const Command* find_command(std::string_view name);
[[nodiscard]] std::span<const Flag> global_flags();

}  // namespace faqsmith
