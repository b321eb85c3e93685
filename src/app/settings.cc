// Checks values against the table and keeps the strongest origin.
#include "app/settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "app/stage_options.h"
#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

std::vector<std::string> split_items(std::string_view text) {
  std::vector<std::string> items;
  if (text.empty()) return items;
  for (const auto part : split(text, '|')) items.emplace_back(part);
  return items;
}

std::optional<double> parse_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_switch(const std::string& text) {
  return text == "true" || text == "false";
}

// The canonical spelling of one item, or nothing if the setting does not allow it.
std::optional<std::string> accept(const Setting& setting, const std::string& text) {
  switch (setting.type) {
    case SettingType::Text:
    case SettingType::List:
      return text;
    case SettingType::Choice:
      for (const auto choice : split(setting.choices, '|')) {
        if (choice == text) return text;
      }
      return std::nullopt;
    case SettingType::Switch: {
      const std::string lower = lower_ascii(text);
      if (is_switch(lower)) return lower;
      if (lower == "yes" || lower == "on" || lower == "1") return "true";
      if (lower == "no" || lower == "off" || lower == "0") return "false";
      return std::nullopt;
    }
    case SettingType::Integer:
    case SettingType::Number: {
      const auto value = parse_number(text);
      if (!value || *value < setting.minimum || *value > setting.maximum) return std::nullopt;
      if (setting.type == SettingType::Integer) {
        if (*value != std::floor(*value)) return std::nullopt;
        return fmt::format("{}", static_cast<std::int64_t>(*value));
      }
      return text;
    }
  }
  return std::nullopt;
}

std::string shown_number(double value) {
  return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:g}", value);
}

}  // namespace

const Setting* find_setting(std::string_view key) {
  for (const auto& setting : all_settings()) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

std::string default_text(const Setting& setting) {
  return setting.default_value == kStageDefault ? stage_default(setting.key) : std::string(setting.default_value);
}

std::string environment_name(const Setting& setting) {
  std::string name = "FAQSMITH_";
  for (const char c : setting.key) {
    name += c == '.' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

std::string describe_range(const Setting& setting) {
  switch (setting.type) {
    case SettingType::Text:
      return "text";
    case SettingType::List:
      return "a list";
    case SettingType::Switch:
      return "true or false";
    case SettingType::Choice:
      return "one of " + replace_all(std::string(setting.choices), "|", ", ");
    case SettingType::Integer:
      return fmt::format("a whole number from {} to {}", shown_number(setting.minimum), shown_number(setting.maximum));
    case SettingType::Number:
      return fmt::format("a number from {} to {}", shown_number(setting.minimum), shown_number(setting.maximum));
  }
  return "";
}

std::string_view origin_name(Origin origin) {
  switch (origin) {
    case Origin::Default:
      return "default";
    case Origin::File:
      return "file";
    case Origin::Environment:
      return "environment";
    case Origin::Flag:
      return "flag";
  }
  return "";
}

Config::Config() {
  for (const auto& setting : all_settings()) {
    SettingValue value;
    if (setting.type == SettingType::List) {
      value.items = split_items(setting.default_value);
    } else {
      value.items = {default_text(setting)};
    }
    values_.emplace(setting.key, std::move(value));
  }
}

void Config::set(std::string_view key, const std::vector<std::string>& items, Origin origin, const std::string& place) {
  const Setting* setting = find_setting(key);
  if (setting == nullptr) {
    std::vector<std::string> names;
    for (const auto& known : all_settings()) names.emplace_back(known.key);
    const std::string near = did_you_mean(key, names);
    throw Error(Kind::User, fmt::format("{}: there is no setting '{}'", place, key),
                near.empty() ? "see all settings with: faqsmith config" : fmt::format("did you mean '{}'?", near));
  }
  if (setting->type != SettingType::List && items.size() != 1) {
    throw Error(Kind::User, fmt::format("{}: {} takes one value, not {}", place, key, items.size()),
                "write " + describe_range(*setting));
  }
  SettingValue value;
  value.origin = origin;
  value.place = place;
  for (const auto& item : items) {
    auto accepted = accept(*setting, item);
    if (!accepted) {
      throw Error(Kind::User, fmt::format("{}: {} is '{}'", place, key, item), "write " + describe_range(*setting));
    }
    value.items.push_back(std::move(*accepted));
  }
  SettingValue& current = values_.find(key)->second;
  if (origin >= current.origin) current = std::move(value);
}

const SettingValue& Config::value(std::string_view key) const {
  const auto found = values_.find(key);
  require(found != values_.end(), fmt::format("setting {} is in the table", key));
  return found->second;
}

std::string Config::text(std::string_view key) const {
  const auto& items = value(key).items;
  return items.empty() ? "" : items.front();
}

std::int64_t Config::integer(std::string_view key) const {
  return static_cast<std::int64_t>(number(key));
}

int Config::small(std::string_view key) const {
  return static_cast<int>(integer(key));
}

double Config::number(std::string_view key) const {
  const auto parsed = parse_number(text(key));
  require(parsed.has_value(), fmt::format("setting {} is a number", key));
  return *parsed;
}

bool Config::on(std::string_view key) const {
  return text(key) == "true";
}
const std::vector<std::string>& Config::list(std::string_view key) const {
  return value(key).items;
}
bool Config::is_default(std::string_view key) const {
  return value(key).origin == Origin::Default;
}

double parse_duration_s(std::string_view text, const std::string& where) {
  double total = 0;
  std::string digits;
  bool valid = !text.empty();
  for (const char c : text) {
    if ((c >= '0' && c <= '9') || c == '.') {
      digits += c;
      continue;
    }
    const auto value = parse_number(digits);
    const double unit = c == 'h' ? 3600 : c == 'm' ? 60 : c == 's' ? 1 : 0;
    valid = valid && value && unit > 0;
    total += value.value_or(0) * unit;
    digits.clear();
  }
  if (!digits.empty()) {
    const auto value = parse_number(digits);
    valid = valid && value;
    total += value.value_or(0);
  }
  if (!valid || total <= 0) {
    throw Error(Kind::User, fmt::format("{}: '{}' is no time span", where, text),
                "write for example 20m, 90s or 1h30m");
  }
  return total;
}

}  // namespace faqsmith
