// The only user of CLI11. One flat CLI::App per call holds the global flags and those of the command that was named.
#include "cli/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

bool matches(const Flag& flag, std::string_view argument) {
  return argument == flag.name || (!flag.letter.empty() && argument == flag.letter);
}

// The position of the command's name: the first argument that is neither a flag nor a global flag's value.
std::size_t find_command_position(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with("-")) return i;
    for (const auto& flag : global_flags()) {
      if (!flag.value.empty() && matches(flag, arguments[i])) ++i;
    }
  }
  return arguments.size();
}

const Command& command_or_throw(const std::string& name) {
  if (const Command* command = find_command(name)) return *command;
  std::vector<std::string> names;
  for (const auto& command : all_commands()) names.emplace_back(command.name);
  const std::string near = did_you_mean(name, names);
  throw Error(
      Kind::User, fmt::format("there is no command '{}'", name),
      near.empty() ? "see all commands with: faqsmith --help" : fmt::format("did you mean 'faqsmith {}'?", near));
}

[[noreturn]] void refuse_flag(const std::string& argument, const std::vector<const Flag*>& flags,
                              const Command* command) {
  const std::string name = argument.substr(0, argument.find('='));
  std::vector<std::string> names;
  for (const Flag* flag : flags) names.emplace_back(flag->name);
  const std::string near = did_you_mean(name, names);
  const std::string help = command ? fmt::format("faqsmith {} --help", command->name) : "faqsmith --help";
  throw Error(Kind::User,
              fmt::format("there is no flag '{}'{}", name, command ? fmt::format(" of {}", command->name) : ""),
              near.empty() ? "see all flags with: " + help : fmt::format("did you mean '{}'?", near));
}

void check_argument_count(const Command& command, const std::vector<std::string>& arguments) {
  const std::string usage = fmt::format("usage: faqsmith {} {}", command.name, command.arguments);
  if (arguments.size() < command.min_arguments) {
    throw Error(Kind::User, fmt::format("{} needs {}", command.name, command.arguments), usage);
  }
  if (arguments.size() > command.max_arguments) {
    throw Error(Kind::User, fmt::format("{} does not take '{}'", command.name, arguments[command.max_arguments]),
                command.max_arguments == 1 && command.name == "ask" ? "put the whole question in quotes" : usage);
  }
}

struct Parsed {
  std::vector<std::string> values;
  bool given = false;
};

void add_setting(Invocation& out, const std::string& place, std::string key, std::string value) {
  out.settings.emplace_back(std::move(key), std::move(value));
  out.setting_places.push_back(place);
}

void take_flag(const Flag& flag, const Parsed& parsed, Invocation& out) {
  const std::string name(flag.name);
  if (name == "--set") {
    for (const auto& assignment : parsed.values) {
      const auto equals = assignment.find('=');
      if (equals == std::string::npos) {
        throw Error(Kind::User, fmt::format("--set {} has no '='", assignment), "write: --set key=value");
      }
      add_setting(out, "--set", assignment.substr(0, equals), assignment.substr(equals + 1));
    }
    return;
  }
  const std::string value = flag.value.empty() ? "" : parsed.values.back();
  if (!flag.setting.empty()) add_setting(out, name, std::string(flag.setting), flag.value.empty() ? "true" : value);
  out.flags[name] = value;
  if (!flag.value.empty()) out.all[name] = parsed.values;
}

}  // namespace

Invocation parse_arguments(const std::vector<std::string>& arguments) {
  Invocation out;
  std::vector<std::string> rest = arguments;
  const std::size_t position = find_command_position(arguments);
  if (position < arguments.size()) {
    out.command = &command_or_throw(arguments[position]);
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(position));
  }
  std::vector<const Flag*> flags;
  for (const auto& flag : global_flags()) flags.push_back(&flag);
  if (out.command) {
    for (const auto& flag : out.command->flags) flags.push_back(&flag);
  }

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<Parsed> parsed(flags.size());
  std::vector<std::string> positionals;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const std::string names =
        flags[i]->letter.empty() ? std::string(flags[i]->name) : fmt::format("{},{}", flags[i]->letter, flags[i]->name);
    if (flags[i]->value.empty()) {
      app.add_flag(names, parsed[i].given);
    } else {
      app.add_option(names, parsed[i].values)
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->allow_extra_args(false);
    }
  }
  app.add_option("arguments", positionals);
  std::vector<std::string> reversed(rest.rbegin(), rest.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    throw Error(Kind::User, lower_ascii(std::string(e.what()).substr(0, 1)) + std::string(e.what()).substr(1),
                out.command ? fmt::format("see: faqsmith {} --help", out.command->name) : "see: faqsmith --help");
  }
  for (const auto& extra : app.remaining()) {
    if (extra.starts_with("-") && extra != "-") refuse_flag(extra, flags, out.command);
    positionals.push_back(extra);
  }
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (parsed[i].given || !parsed[i].values.empty()) take_flag(*flags[i], parsed[i], out);
  }
  out.help = out.flags.contains("--help");
  out.version = out.flags.contains("--version");
  out.arguments = std::move(positionals);
  if (out.command && !out.help) check_argument_count(*out.command, out.arguments);
  return out;
}

}  // namespace faqsmith
