// One of the three places that catch Error.
#include "cli/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "app/config_sources.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/parse.h"
#include "cli/reporters.h"
#include "cli/version.h"
#include "sys/interrupt.h"
#include "sys/io_error.h"
#include "sys/map_guard.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

constexpr int kExitUser = 2, kExitFailure = 1, kExitInterrupted = 130;

std::unique_ptr<Reporter> make_reporter(const Invocation& call) {
  const Loudness loudness = call.flags.contains("--quiet") ? Loudness::Quiet : Loudness::Normal;
  if (call.flags.contains("--json")) return json_reporter(loudness);
  if (::isatty(STDERR_FILENO) == 1) return terminal_reporter(loudness, colour_allowed(STDERR_FILENO));
  return line_reporter(loudness);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// --workspace, else FAQSMITH_WORKSPACE, else the current folder if it is one, else ./faqsmith-workspace.
fs::path choose_workspace(const Invocation& call) {
  if (const auto flag = call.flags.find("--workspace"); flag != call.flags.end()) return flag->second;
  if (const std::string name = environment("FAQSMITH_WORKSPACE"); !name.empty()) return name;
  std::error_code error;
  if (fs::exists("faqsmith.db", error) || fs::exists("faqsmith.yaml", error)) return ".";
  return "faqsmith-workspace";
}

void load_settings(const Invocation& call, Session& session) {
  std::error_code error;
  if (const auto flag = call.flags.find("--config"); flag != call.flags.end()) {
    session.config_file = flag->second;
    read_settings_file(session.config_file, session.config);
  } else if (const std::string name = environment("FAQSMITH_CONFIG"); !name.empty()) {
    session.config_file = name;
    read_settings_file(session.config_file, session.config);
  } else {
    session.config_file = session.workspace / "faqsmith.yaml";
    if (fs::exists(session.config_file, error)) read_settings_file(session.config_file, session.config);
  }
  for (const auto& warning : read_environment(session.config)) session.reporter->warn(warning);
  for (std::size_t i = 0; i < call.settings.size(); ++i) {
    const auto& [key, value] = call.settings[i];
    const Setting* setting = find_setting(key);
    std::vector<std::string> items = {value};
    if (setting != nullptr && setting->type == SettingType::List) {
      items.clear();
      for (const auto& part : split_list(value)) items.emplace_back(part);
    }
    session.config.set(key, items, Origin::Flag, call.setting_places[i]);
  }
}

// The engine reads its precision from the environment, so that it needs no settings of its own.
void apply_engine_settings(const Config& config) {
  set_n_threads(config.small("threads"));
  if (const std::string compute = config.text("compute"); compute != "auto") {
    ::setenv("FAQSMITH_COMPUTE", compute.c_str(), 1);
  } else {
    ::unsetenv("FAQSMITH_COMPUTE");
  }
}

int run_command_line(const Invocation& call, Reporter& reporter) {
  Session session;
  session.reporter = &reporter;
  session.command = call.command->name;
  session.arguments = call.arguments;
  session.flags = call.flags;
  session.all = call.all;
  session.json = call.flags.contains("--json");
  session.workspace = choose_workspace(call);
  load_settings(call, session);
  apply_engine_settings(session.config);
  if (session.has("--log")) open_log(session.get("--log"), LogLevel::Debug);
  return call.command->run(session);
}

int report_error(const Error& error, bool json) {
  const int code = error.kind() == Kind::User ? kExitUser : kExitFailure;
  log(LogLevel::Error, fmt::format("{} ({})", error.what(), error.hint()));
  print_error(error.what(), error.hint(), code, json);
  return code;
}

int dispatch(const Invocation& call) {
  if (call.version) {
    print_version(call.flags.contains("--json"));
    return 0;
  }
  if (call.command == nullptr || call.help) {
    const bool colour = colour_allowed(STDOUT_FILENO);
    print(call.command ? command_help(*call.command, colour) : overview_help(colour));
    return call.command || call.help ? 0 : kExitUser;
  }
  const auto reporter = make_reporter(call);
  return run_command_line(call, *reporter);
}

}  // namespace

int run_cli(int argc, char** argv) {
  install_interrupt_handlers();
  install_map_guard();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  try {
    return dispatch(parse_arguments(arguments));
  } catch (const Error& error) {
    return report_error(error, json);
  } catch (const Interrupted&) {
    print_error("interrupted; finished work is kept", "go on with the same command", kExitInterrupted, json);
    return kExitInterrupted;
  } catch (const std::bad_alloc&) {
    return report_error(Error(Kind::Device, "there is not enough memory",
                              "close other programs, or lower train.tokens_per_step and generate.batch"),
                        json);
  } catch (const std::filesystem::filesystem_error& error) {
    return report_error(io_error(error.code().value(), "use", error.path1()), json);
  } catch (const std::exception& error) {
    return report_error(Error(Kind::Internal, fmt::format("unexpected: {}", error.what()),
                              "this is a bug of faqsmith: please report it"),
                        json);
  }
}

}  // namespace faqsmith
