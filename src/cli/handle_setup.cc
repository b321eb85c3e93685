// Commands that need no workspace: init, config, models, doctor, help.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/config_sources.h"
#include "app/doctor.h"
#include "app/models.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "cli/completion.h"
#include "cli/handlers.h"
#include "cli/help.h"
#include "cli/output.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const Json& value) {
  print_line(json_text(value, 2));
}

std::string shown_value(const Setting& setting, const SettingValue& value) {
  if (setting.type == SettingType::List) return value.items.empty() ? "[]" : "[" + join(value.items, ", ") + "]";
  return value.items.front().empty() ? "\"\"" : value.items.front();
}

Json json_value(const Setting& setting, const SettingValue& value) {
  switch (setting.type) {
    case SettingType::List:
      return value.items;
    case SettingType::Switch:
      return value.items.front() == "true";
    case SettingType::Integer:
    case SettingType::Number:
      return try_parse_ordered_json(value.items.front());
    default:
      return value.items.front();
  }
}

bool is_asked(const Setting& setting, const std::vector<std::string>& names) {
  if (names.empty()) return true;
  for (const auto& name : names) {
    if (setting.key == name || setting.key.starts_with(name + ".")) return true;
  }
  return false;
}

void refuse_unknown_names(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    bool found = false;
    std::vector<std::string> known;
    for (const auto& setting : all_settings()) {
      found = found || is_asked(setting, {name});
      known.emplace_back(setting.key);
    }
    if (found) continue;
    const std::string near = did_you_mean(name, known);
    throw Error(Kind::User, fmt::format("there is no setting '{}'", name),
                near.empty() ? "see all settings with: faqsmith config" : fmt::format("did you mean '{}'?", near));
  }
}

int list_models(const Session& session) {
  Json rows = Json::array();
  Table table({"model", "what", "licence", "size", "state"});
  for (const auto& model : known_models()) {
    std::error_code error;
    const bool here = fs::file_size(cached_path(model), error) == model.file_bytes && !error;
    rows.push_back({{"name", model.name},
                    {"title", model.title},
                    {"licence", model.licence},
                    {"bytes", model.file_bytes},
                    {"path", cached_path(model).string()},
                    {"cached", here}});
    table.add({model.name, model.title, model.licence, human_bytes(static_cast<double>(model.file_bytes)),
               here ? cached_path(model).string() : "not fetched (faqsmith models pull)"});
  }
  if (session.json) {
    print_json(rows);
  } else {
    print(table.text());
    print_line(
        "\nAny Llama or Mistral model works too, as a GGUF file or a Hugging Face folder: --model path/to/model");
  }
  return 0;
}

}  // namespace

int run_init(Session& session) {
  const fs::path path = session.workspace / "faqsmith.yaml";
  std::error_code error;
  if (fs::exists(path, error) && !session.has("--force")) {
    throw Error(Kind::User, path.string() + " is there already", "edit it, or write a fresh one with --force");
  }
  fs::create_directories(session.workspace, error);
  if (error)
    throw Error(Kind::Io, fmt::format("cannot make the folder {}: {}", session.workspace.string(), error.message()),
                "choose another folder with --workspace");
  set_documents(session);
  write_file_atomic(path, commented_settings_file(session.config));
  if (session.json) {
    print_json({{"file", path.string()}});
  } else {
    print_line("wrote " + path.string());
    print_line("next: faqsmith build DOCS -w " + session.workspace.string());
  }
  return 0;
}

int run_config(Session& session) {
  refuse_unknown_names(session.arguments);
  Json rows = Json::object();
  Table table({"setting", "value", "from"});
  std::string details;
  for (const auto& setting : all_settings()) {
    if (!is_asked(setting, session.arguments)) continue;
    const SettingValue& value = session.config.value(setting.key);
    const std::string from = value.place.empty() ? std::string(origin_name(value.origin))
                                                 : fmt::format("{} ({})", origin_name(value.origin), value.place);
    rows[std::string(setting.key)] = {
        {"value", json_value(setting, value)}, {"origin", origin_name(value.origin)}, {"place", value.place}};
    table.add({std::string(setting.key), shown_value(setting, value), from});
    details +=
        fmt::format("\n{}: {} ({}; default {}; variable {})\n", setting.key, setting.help, describe_range(setting),
                    default_text(setting).empty() ? "empty" : default_text(setting), environment_name(setting));
  }
  if (session.json) {
    print_json(rows);
    return 0;
  }
  print(table.text());
  if (!session.arguments.empty()) {
    print(details);
  } else {
    print_line(
        "\nWhat a setting means: faqsmith config NAME. Change it: faqsmith.yaml, FAQSMITH_NAME, or --set name=value.");
  }
  return 0;
}

int run_models(Session& session) {
  const std::string action = session.arguments.empty() ? "list" : session.arguments.front();
  const std::string name = session.arguments.size() > 1 ? session.arguments[1] : "default";
  if (action == "list") return list_models(session);
  if (action != "pull" && action != "path") {
    const std::string near = did_you_mean(action, {"pull", "list", "path"});
    throw Error(Kind::User, fmt::format("models cannot '{}'", action),
                near.empty() ? "it can: faqsmith models list, models pull, models path"
                             : fmt::format("did you mean 'faqsmith models {}'?", near));
  }
  const fs::path path =
      action == "pull" ? pull_model(name, *session.reporter) : resolve_model(name, IfAbsent::Refuse, *session.reporter);
  if (session.json) {
    print_json({{"path", path.string()}});
  } else {
    print_line(path.string());
  }
  return 0;
}

int run_doctor(Session& session) {
  const auto findings = examine_machine(session.workspace, session.config.text("model"));
  const bool colour = colour_allowed(STDOUT_FILENO);
  Json rows = Json::array();
  bool bad = false;
  for (const auto& finding : findings) {
    const bool good = finding.health == Health::Good;
    bad = bad || finding.health == Health::Bad;
    rows.push_back({{"what", finding.what}, {"ok", good}, {"state", finding.state}, {"remedy", finding.remedy}});
    if (session.json) continue;
    const char* mark = good ? "ok  " : finding.health == Health::Note ? "note" : "BAD ";
    const char* tint = !colour ? "" : good ? "\033[32m" : finding.health == Health::Note ? "\033[33m" : "\033[31m";
    print_line(fmt::format("{}{}{} {:<24} {}", tint, mark, colour ? "\033[0m" : "", finding.what, finding.state));
    if (!finding.remedy.empty()) print_line("     → " + finding.remedy);
  }
  if (session.json) print_json(rows);
  return bad ? 1 : 0;
}

int run_completion(Session& session) {
  print(completion_script(session.arguments.front()));
  return 0;
}

int run_help(Session& session) {
  if (session.has("--man")) {
    print(man_page());
  } else if (session.arguments.empty()) {
    print(overview_help(colour_allowed(STDOUT_FILENO)));
  } else if (const Command* command = find_command(session.arguments.front())) {
    print(command_help(*command, colour_allowed(STDOUT_FILENO)));
  } else {
    throw Error(Kind::User, fmt::format("there is no command '{}'", session.arguments.front()), "see: faqsmith --help");
  }
  return 0;
}

}  // namespace faqsmith
