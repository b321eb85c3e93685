// From argv to a command and its flags (CLI11). Errors are Error(User) with a suggestion.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/command_table.h"

namespace faqsmith {

struct Invocation {
  const Command* command = nullptr;  // null: only --help, --version or nothing was given
  bool help = false, version = false;
  std::vector<std::string> arguments;
  std::map<std::string, std::string, std::less<>> flags;             // by long name, with dashes; the last one counts
  std::map<std::string, std::vector<std::string>, std::less<>> all;  // every value of a flag that has values
  std::vector<std::pair<std::string, std::string>> settings;         // from --set and named flags, in order: key, value
  std::vector<std::string> setting_places;                           // the flag that gave each
};

[[nodiscard]] Invocation parse_arguments(const std::vector<std::string>& arguments);

}  // namespace faqsmith
