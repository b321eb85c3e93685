// Settings: one table is the truth for faqsmith.yaml, the environment, flags, `faqsmith config` and `faqsmith init`.
// Promise: an unknown key, a wrong type or a value out of range is Error(User) that names file, line and key.
// Non-goal: what a setting does; app/stage_options.h hands the values to the stages.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// As a default: "ask the options struct of the stage" (stage_options.cc).
inline constexpr std::string_view kStageDefault = "*";

enum class SettingType { Text, Choice, Integer, Number, Switch, List };

struct Setting {
  std::string_view key;  // "train.method"; at most one dot
  SettingType type;
  std::string_view default_value;  // as a user would write it; a list's items are separated by '|'
  double minimum, maximum;         // Integer and Number
  std::string_view choices;        // Choice: "auto|full|lora"
  std::string_view help;           // one sentence, with the unit
};

[[nodiscard]] std::span<const Setting> all_settings();
[[nodiscard]] const Setting* find_setting(std::string_view key);
[[nodiscard]] std::string default_text(const Setting& setting);      // the default, wherever it stands
[[nodiscard]] std::string environment_name(const Setting& setting);  // "FAQSMITH_TRAIN_METHOD"
[[nodiscard]] std::string describe_range(const Setting& setting);    // "a whole number from 1 to 64"

enum class Origin { Default, File, Environment, Flag };  // a later one wins
[[nodiscard]] std::string_view origin_name(Origin origin);

struct SettingValue {
  std::vector<std::string> items;  // one, except for lists
  Origin origin = Origin::Default;
  std::string place;  // "w/faqsmith.yaml:12", "FAQSMITH_SEED", "--seed"; empty for defaults
};

class Config {
 public:
  Config();  // every setting at its default
  // Keeps the value of the stronger origin. where: for messages, e.g. "w/faqsmith.yaml line 12". Throws Error(User).
  void set(std::string_view key, const std::vector<std::string>& items, Origin origin, const std::string& place);
  [[nodiscard]] const SettingValue& value(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] int small(std::string_view key) const;  // integer() as int
  [[nodiscard]] double number(std::string_view key) const;
  [[nodiscard]] bool on(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string>& list(std::string_view key) const;
  [[nodiscard]] bool is_default(std::string_view key) const;

 private:
  std::map<std::string, SettingValue, std::less<>> values_;
};

// "20m", "1h30m", "90s", "90" (seconds). Throws Error(User) that names where.
[[nodiscard]] double parse_duration_s(std::string_view text, const std::string& where);

}  // namespace faqsmith
