// Appends JSON lines; trims the file on resume.
#include "train/metrics.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN or Inf: a skipped step shows them as text.
Json number(double x) {
  return std::isfinite(x) ? Json(x) : Json(std::isnan(x) ? "nan" : "inf");
}

std::string kept_lines(const fs::path& path, std::int64_t last_step) {
  std::string kept;
  if (last_step <= 0 || !fs::exists(path)) return kept;
  const std::string text = read_file(path);
  for (const std::string_view line : split(text, '\n')) {
    const Json json = try_parse_ordered_json(line);
    if (json.is_discarded() || !json.is_object() || json.value("step", std::int64_t{0}) > last_step) continue;
    kept.append(line).push_back('\n');
  }
  return kept;
}

const fs::path& trimmed(const fs::path& path, std::int64_t last_step) {
  write_file_atomic(path, kept_lines(path, last_step));
  return path;
}

}  // namespace

MetricsFile::MetricsFile(const fs::path& path, std::int64_t last_step)
    : lines_(trimmed(path, last_step)), events_(path.parent_path() / kEventFile, last_step) {}

void MetricsFile::step(const StepMetrics& m) {
  Json json = {{"step", m.step},
               {"loss", number(m.loss)},
               {"learning_rate", m.learning_rate},
               {"gradient_norm", number(m.gradient_norm)},
               {"tokens_per_second", std::round(m.tokens_per_second)}};
  if (m.skipped) json["skipped"] = true;
  lines_.append(json_text(json) + "\n");
  const Scalar scalars[] = {{"train/loss", static_cast<float>(m.loss)},
                            {"train/learning_rate", static_cast<float>(m.learning_rate)},
                            {"train/gradient_norm", static_cast<float>(m.gradient_norm)},
                            {"train/tokens_per_second", static_cast<float>(m.tokens_per_second)}};
  events_.add(m.step, scalars);
}

void MetricsFile::validation(std::int64_t step, double loss) {
  const Scalar scalars[] = {{"validation/loss", static_cast<float>(loss)}};
  events_.add(step, scalars);
  lines_.append(json_text(Json({{"step", step}, {"validation_loss", number(loss)}})) + "\n");
}

void MetricsFile::rollback(std::int64_t step, std::int64_t to_step, double factor) {
  lines_.append(json_text(Json({{"step", step}, {"rolled_back_to", to_step}, {"learning_rate_factor", factor}})) +
                "\n");
}

void MetricsFile::sync() {
  lines_.sync();
  events_.sync();
}

}  // namespace faqsmith
