// The only user of yaml-cpp.
#include "app/config_sources.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <set>

#include "base/error.h"
#include "base/strings.h"

extern char** environ;

namespace faqsmith {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

struct File {
  std::string name;
  Config& config;
  std::set<std::string> seen;
  [[nodiscard]] std::string place(const YAML::Node& node) const {
    return fmt::format("{}:{}", name, node.Mark().line + 1);
  }
};

std::string scalar_or_throw(const File& file, const std::string& key, const YAML::Node& node) {
  if (node.IsNull()) return "";
  if (!node.IsScalar()) {
    throw Error(Kind::User, fmt::format("{}: {} holds a nested value", file.place(node), key), "write one plain value");
  }
  return node.Scalar();
}

void read_value(File& file, const std::string& key, const YAML::Node& name, const YAML::Node& node) {
  if (!file.seen.insert(key).second) {
    throw Error(Kind::User, fmt::format("{}: {} is set twice", file.place(name), key), "keep one of the two lines");
  }
  std::vector<std::string> items;
  if (node.IsSequence()) {
    for (const auto& item : node) items.push_back(scalar_or_throw(file, key, item));
  } else if (const Setting* setting = find_setting(key);
             !node.IsNull() || setting == nullptr || setting->type == SettingType::Text) {
    items.push_back(scalar_or_throw(file, key, node));
  } else if (setting->type != SettingType::List) {
    return;  // "key:" without a value: the default stays
  }
  file.config.set(key, items, Origin::File, file.place(name));
}

bool is_section(std::string_view name) {
  for (const auto& setting : all_settings()) {
    if (setting.key.size() > name.size() && setting.key.starts_with(name) && setting.key[name.size()] == '.')
      return true;
  }
  return false;
}

void read_section(File& file, const std::string& section, const YAML::Node& node) {
  if (node.IsNull()) return;  // every line of the section is commented out
  if (!node.IsMap()) {
    throw Error(Kind::User, fmt::format("{}: {} is a group of settings", file.place(node), section),
                fmt::format("write its settings below it, indented; see: faqsmith config {}", section));
  }
  for (const auto& entry : node) {
    read_value(file, section + "." + scalar_or_throw(file, section, entry.first), entry.first, entry.second);
  }
}

}  // namespace

void read_settings_file(const fs::path& path, Config& config) {
  YAML::Node root;
  try {
    root = YAML::Load(read_file(path, kMaxFileBytes));
  } catch (const YAML::Exception& e) {
    throw Error(Kind::User, fmt::format("{}:{}: not valid YAML: {}", path.string(), e.mark.line + 1, e.msg),
                "check indentation and quotes near that line");
  }
  File file{path.string(), config, {}};
  if (root.IsNull()) return;
  if (!root.IsMap()) {
    throw Error(Kind::User, fmt::format("{}: the file is no list of 'key: value' lines", path.string()),
                "write a fresh one with: faqsmith init");
  }
  for (const auto& entry : root) {
    const std::string key = scalar_or_throw(file, "the key", entry.first);
    if (is_section(key)) {
      read_section(file, key, entry.second);
    } else {
      read_value(file, key, entry.first, entry.second);
    }
  }
}

std::vector<std::string> read_environment(Config& config) {
  // Read elsewhere: the workspace flag's default, and what tests and scripts use.
  constexpr std::array<std::string_view, 5> kOthers = {"FAQSMITH_WORKSPACE", "FAQSMITH_CONFIG", "FAQSMITH_LOG",
                                                       "FAQSMITH_SOURCE_DIR", "FAQSMITH_CACHE"};
  std::map<std::string, std::string> known;
  std::vector<std::string> names;
  for (const auto& setting : all_settings()) {
    known.emplace(environment_name(setting), setting.key);
    names.push_back(environment_name(setting));
  }
  std::vector<std::string> warnings;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    if (!line.starts_with("FAQSMITH_")) continue;
    const auto equals = line.find('=');
    const std::string name(line.substr(0, equals));
    const std::string value(equals == std::string_view::npos ? "" : line.substr(equals + 1));
    if (const auto found = known.find(name); found != known.end()) {
      const Setting& setting = *find_setting(found->second);
      std::vector<std::string> items = {value};
      if (setting.type == SettingType::List) {
        items.clear();
        for (const auto part : split(value, '|')) items.emplace_back(part);
      }
      config.set(setting.key, items, Origin::Environment, name);
    } else if (const std::string near = did_you_mean(name, names);
               std::find(kOthers.begin(), kOthers.end(), name) == kOthers.end() && !near.empty()) {
      warnings.push_back(fmt::format("the environment variable {} is no setting; did you mean {}?", name, near));
    }
  }
  return warnings;
}

namespace {

// A scalar as YAML reads it back: quoted when it is empty or could be taken for something else.
std::string yaml_scalar(const std::string& text) {
  YAML::Emitter out;
  if (text.empty() || text.find_first_of("\n:#\"'") != std::string::npos) {
    out << YAML::DoubleQuoted << text;
  } else {
    out << text;
  }
  return out.c_str();
}

std::string yaml_list(const std::vector<std::string>& items) {
  std::vector<std::string> quoted;
  for (const auto& item : items) quoted.push_back(yaml_scalar(item));
  return "[" + join(quoted, ", ") + "]";
}

}  // namespace

std::string commented_settings_file(const Config& config) {
  std::string out =
      "# Settings of this faqsmith workspace. All are optional: take the '#' away in front of a setting to change it.\n"
      "# Stronger than this file: an environment variable (FAQSMITH_TRAIN_METHOD), then a flag (--set "
      "train.method=lora).\n"
      "# See what holds, and where it comes from, with: faqsmith config\n";
  const Config defaults;
  std::string section;
  for (const auto& setting : all_settings()) {
    const auto dot = setting.key.find('.');
    const std::string own_section(dot == std::string_view::npos ? "" : setting.key.substr(0, dot));
    const std::string name(dot == std::string_view::npos ? setting.key : setting.key.substr(dot + 1));
    const std::string indent = own_section.empty() ? "" : "  ";
    if (own_section != section) out += fmt::format("\n{}:\n", own_section);
    if (own_section.empty()) out += "\n";
    section = own_section;
    const bool given = config.value(setting.key).origin == Origin::Flag;
    const auto& items = given ? config.list(setting.key) : defaults.list(setting.key);
    const std::string value = setting.type == SettingType::List ? yaml_list(items) : yaml_scalar(items.front());
    out += fmt::format("{}# {} ({}).\n", indent, setting.help, describe_range(setting));
    out += fmt::format("{}{}{}: {}\n", indent, given ? "" : "#", name, value);
  }
  return out;
}

}  // namespace faqsmith
