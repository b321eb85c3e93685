// Asks the system and the engine what they offer.
#include "app/doctor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "app/models.h"
#include "base/error.h"
#include "base/strings.h"
#include "model/weights.h"
#include "ops/onednn_version.h"
#include "store/database.h"
#include "sys/command.h"
#include "sys/confined_child.h"
#include "sys/memory.h"
#include "tensor/device.h"

namespace faqsmith {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;
constexpr std::uint64_t kNeededMemory = 3ull << 30;  // the default model's full training, measured, rounded up
constexpr std::uint64_t kNeededDisk = 2ull << 30;    // checkpoints, exports and the model cache

Finding examine_cpu() {
  Finding out{"processor", Health::Good, engine_facts().cpu, ""};
  if (usable_isa() < Isa::Avx512Bf16) {
    out.health = Health::Note;
    out.remedy = "works, but without AMX or AVX512-BF16 training takes several times longer: use --budget";
  }
  return out;
}

Finding examine_memory() {
  const MemoryFacts memory = memory_facts();
  Finding out{"memory", Health::Good,
              fmt::format("{} free of {}", human_bytes(static_cast<double>(memory.available_bytes)),
                          human_bytes(static_cast<double>(memory.total_bytes))),
              ""};
  if (memory.available_bytes < kNeededMemory) {
    out.health = Health::Bad;
    out.remedy =
        fmt::format("the default model needs about {:.0f} GiB: close other programs, or train with train.method lora",
                    static_cast<double>(kNeededMemory) / kGiB);
  }
  return out;
}

Finding examine_disk(const fs::path& folder, const std::string& what) {
  const std::uint64_t bytes = free_disk_bytes(folder);
  Finding out{what, Health::Good,
              fmt::format("{} free at {}", human_bytes(static_cast<double>(bytes)), folder.string()), ""};
  if (bytes < kNeededDisk) {
    out.health = Health::Bad;
    out.remedy = "free about 2 GiB: checkpoints and exports are whole models";
  }
  return out;
}

Finding examine_default_model() {
  const KnownModel& model = known_models().front();
  std::error_code error;
  const fs::path path = cached_path(model);
  if (fs::file_size(path, error) == model.file_bytes && !error) {
    return {"default model", Health::Good, path.string(), ""};
  }
  return {"default model", Health::Note, "not fetched yet", "fetch it with: faqsmith models pull"};
}

// The model that is set, if it is not the default one: can it be used at all?
Finding examine_model(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error))
    return {"model", Health::Bad, path + " is not there", "set model to 'default' or to a path that exists"};
  try {
    const ModelInfo info = read_model_info(path);
    const Tokenizer tokenizer(info.tokenizer);
    return {"model", Health::Good,
            fmt::format("{}: {} parameters, {}, {} in {}", info.name,
                        human_count(static_cast<double>(info.config.n_parameters())), info.file_type,
                        human_bytes(static_cast<double>(info.file_bytes)), path),
            ""};
  } catch (const Error& e) {
    return {"model", Health::Bad, e.what(), e.hint()};
  }
}

bool is_known(const std::string& name) {
  const auto models = known_models();
  return std::any_of(models.begin(), models.end(), [&](const KnownModel& model) { return name == model.name; });
}

Finding examine_program(const std::string& name, const std::string& purpose, const std::string& package) {
  if (program_exists(name)) return {name, Health::Good, "found", ""};
  return {name, Health::Note, "not found", fmt::format("{}; install it (Debian: apt install {})", purpose, package)};
}

// PDF files are only read by a confined child: both the program and the confinement are needed.
Finding examine_pdf() {
  Finding program = examine_program("pdftotext", "needed to read PDF files", "poppler-utils");
  if (program.health != Health::Good) return program;
  try {
    (void)run_confined({"pdftotext", "-v"}, "", {});
    program.state = "found; runs confined (no network, no writing, bounded memory and time)";
  } catch (const Error& error) {
    return {"pdftotext", Health::Note, error.what(), "PDF files will be rejected here: " + error.hint()};
  }
  return program;
}

}  // namespace

EngineFacts engine_facts() {
  return {describe_cpu(detect_cpu()), onednn_version()};
}

std::uint64_t free_disk_bytes(const fs::path& folder) {
  std::error_code error;
  fs::path nearest = fs::absolute(folder, error);
  while (!nearest.empty() && !fs::exists(nearest, error) && nearest != nearest.parent_path())
    nearest = nearest.parent_path();
  const auto space = fs::space(nearest, error);
  return error ? 0 : space.available;
}

std::vector<Finding> examine_machine(const fs::path& workspace, const std::string& model) {
  std::vector<Finding> out = {
      examine_cpu(), {"oneDNN", Health::Good, onednn_version(), ""}, examine_memory(), examine_disk(workspace, "disk")};
  out.push_back(examine_disk(model_cache(), "disk of the model cache"));
  out.push_back(examine_default_model());
  if (!is_known(model)) out.push_back(examine_model(model));
  out.push_back(examine_pdf());
  out.push_back(examine_program("python3", "needed once, to fetch the default model", "python3-pip"));
  out.push_back({"workspace format", Health::Good, fmt::format("schema version {}", kSchemaVersion), ""});
  return out;
}

}  // namespace faqsmith
