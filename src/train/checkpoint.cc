// Writing, checking and reading checkpoint folders.
#include "train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/hash.h"
#include "formats/safetensors.h"
#include "sys/folder.h"
#include "train/checkpoint_manifest.h"

namespace faqsmith {
namespace {

constexpr const char* kWeightsFile = "weights.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kAside = ".writing-";  // before the name of a checkpoint that is not whole yet

std::string prefix_of(CheckpointKind kind) {
  return kind == CheckpointKind::Last ? "last-" : "best-";
}

std::vector<std::int64_t> dims_of(const Shape& shape) {
  return {shape.dims.begin(), shape.dims.begin() + shape.rank};
}

SafeTensorToWrite to_write(std::string name, const Shape& shape, const float* data) {
  return {std::move(name), dims_of(shape), {data, static_cast<std::size_t>(shape.size())}};
}

[[noreturn]] void refuse_tensor(const SafetensorsFile& file, const std::string& name) {
  throw Error(Kind::Input, fmt::format("{} lacks tensor {} in the shape of this model", file.file(), name),
              "use the base model that this run was trained from");
}

void read_into(const SafetensorsFile& file, const std::string& name, const Shape& shape, float* out) {
  const SafeTensor* tensor = file.find_tensor(name);
  if (!tensor || tensor->shape != dims_of(shape)) refuse_tensor(file, name);
  file.read_floats(*tensor, out);
}

// A frozen view of a checkpoint's tensor.
WeightMatrix stored_matrix(const std::shared_ptr<const SafetensorsFile>& file, const std::string& name,
                           const Shape& shape) {
  const SafeTensor* tensor = file->find_tensor(name);
  if (!tensor || tensor->shape != dims_of(shape) || SafetensorsFile::float_type(*tensor) != GgmlType::F32)
    refuse_tensor(*file, name);
  WeightMatrix matrix(shape, {.type = GgmlType::F32, .bytes = file->data(*tensor), .owner = file});
  if (const auto bad = matrix.find_non_finite()) {
    throw Error(Kind::Input,
                fmt::format("{}: tensor \"{}\" is not a finite number at index {}", file->file(), name, *bad),
                "the file is damaged or the training diverged: train again");
  }
  matrix.release_pages();
  return matrix;
}

// The best first, then the last ones: what inference would like to have.
FoundCheckpoint find_trained(const fs::path& run, Reporter& reporter) {
  std::vector<fs::path> folders = list_checkpoints(run, CheckpointKind::Best);
  for (fs::path& folder : list_checkpoints(run, CheckpointKind::Last)) folders.push_back(std::move(folder));
  auto found = first_good(folders, reporter);
  if (!found) throw Error(Kind::User, "there is no usable checkpoint in " + run.string(), "run `faqsmith train` first");
  return std::move(*found);
}

void check_config(const Manifest& manifest, const LlamaConfig& config, const fs::path& folder) {
  if (manifest.config == config) return;
  throw Error(Kind::Input, folder.string() + " was trained from a model of another shape (" + manifest.base_name + ")",
              "name the base model that it was trained from");
}

LoraWeights read_lora(const FoundCheckpoint& found) {
  Rng rng(0);  // every value is replaced
  LoraWeights lora = init_lora(found.manifest.config, found.manifest.lora, rng);
  const SafetensorsFile file(found.folder / kWeightsFile);
  for (std::size_t layer = 0; layer < lora.layers.size(); ++layer) {
    for (std::size_t l = 0; l < lora.layers[layer].size(); ++l) {
      auto& pair = lora.layers[layer][l];
      if (!pair) continue;
      const std::string name = hf_module_name(static_cast<std::int64_t>(layer), static_cast<Linear>(l));
      read_into(file, name + ".lora_A", pair->a.shape(), pair->a.data());
      read_into(file, name + ".lora_B", pair->b.shape(), pair->b.data());
      if (lora.config.dora)
        read_into(file, name + ".lora_magnitude_vector", pair->magnitude.shape(), pair->magnitude.data());
    }
  }
  return lora;
}

void prune(const fs::path& run, CheckpointKind kind, bool finished) {
  const bool has_best = !list_checkpoints(run, CheckpointKind::Best).empty();
  // While a run goes on, the last but one stays, in case the last is damaged; at its end the best does that duty.
  const std::size_t keep = kind == CheckpointKind::Last && !(finished && has_best) ? 2 : 1;
  const auto folders = list_checkpoints(run, kind);
  for (std::size_t i = keep; i < folders.size(); ++i) remove_tree(folders[i]);
  if (folders.size() > keep) sync_folder(run);
}

}  // namespace

void write_checkpoint(const fs::path& run, CheckpointKind kind, const Manifest& manifest,
                      const std::vector<TrainedTensor>& tensors, const std::vector<Moments>* moments) {
  make_folders(run);
  const fs::path target = run / fmt::format("{}{:08}", prefix_of(kind), manifest.state.step);
  const fs::path aside = run / (kAside + target.filename().string());
  remove_tree(aside);
  make_folders(aside);
  std::vector<SafeTensorToWrite> list;
  for (const TrainedTensor& tensor : tensors)
    list.push_back(to_write(tensor.name, tensor.value.shape, tensor.value.data));
  write_safetensors(aside / kWeightsFile, list, SafeFloat::F32, {{"format", "pt"}});
  FileHashes files = {{kWeightsFile, sha256_file(aside / kWeightsFile)}};
  if (moments) {
    list.clear();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const Moments& both = (*moments)[i];
      list.push_back(to_write("m." + tensors[i].name, both.m.shape(), both.m.data()));
      list.push_back(to_write("v." + tensors[i].name, both.v.shape(), both.v.data()));
    }
    write_safetensors(aside / kOptimizerFile, list, SafeFloat::F32, {});
    files[kOptimizerFile] = sha256_file(aside / kOptimizerFile);
  }
  write_file_atomic(aside / kManifestFile, manifest_to_json(manifest, files));
  replace_path(aside, target);  // the name may be there: the same step again, of a run that was set back
  prune(run, kind, manifest.state.finished);
}

void tidy_checkpoints(const fs::path& run, bool finished) {
  std::vector<fs::path> half_written;
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().starts_with(kAside)) half_written.push_back(entry.path());
  }
  for (const fs::path& folder : half_written) remove_tree(folder);
  for (const CheckpointKind kind : {CheckpointKind::Last, CheckpointKind::Best}) prune(run, kind, finished);
}

std::vector<fs::path> list_checkpoints(const fs::path& run, CheckpointKind kind) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  if (!fs::is_directory(run)) return {};
  const std::string prefix = prefix_of(kind);
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    std::int64_t step = 0;
    if (!name.starts_with(prefix)) continue;
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size()) found.emplace_back(step, entry.path());
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<fs::path> folders;
  for (auto& [step, path] : found) folders.push_back(std::move(path));
  return folders;
}

Manifest verify_checkpoint(const fs::path& checkpoint) {
  FileHashes files;
  const fs::path manifest_path = checkpoint / kManifestFile;
  if (!fs::exists(manifest_path))
    throw Error(Kind::Input, checkpoint.string() + " has no manifest.json",
                "an older checkpoint is used if there is one");
  constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 20;
  Manifest manifest = manifest_from_json(read_file(manifest_path, kMaxManifestBytes), manifest_path.string(), files);
  for (const auto& [name, hash] : files) {
    if (fs::path(name).filename() != name)
      throw Error(Kind::Input, manifest_path.string() + " names a file outside its folder",
                  "do not use this checkpoint");
    const fs::path path = checkpoint / name;
    if (!fs::exists(path))
      throw Error(Kind::Input, path.string() + " is missing", "an older checkpoint is used if there is one");
    if (sha256_file(path) != hash)
      throw Error(Kind::Input, path.string() + " is damaged: its SHA-256 is not the manifest's",
                  "an older checkpoint is used if there is one");
  }
  return manifest;
}

std::optional<FoundCheckpoint> first_good(const std::vector<fs::path>& folders, Reporter& reporter) {
  for (const fs::path& folder : folders) {
    try {
      return FoundCheckpoint{folder, verify_checkpoint(folder)};
    } catch (const Error& e) {
      reporter.warn(fmt::format("{}; it is left out, the checkpoint before it is tried", e.what()));
    }
  }
  return std::nullopt;
}

void read_tensors(const fs::path& checkpoint, const std::vector<TrainedTensor>& tensors,
                  std::vector<Moments>* moments) {
  const SafetensorsFile weights(checkpoint / kWeightsFile);
  for (const TrainedTensor& tensor : tensors) read_into(weights, tensor.name, tensor.value.shape, tensor.value.data);
  if (!moments) return;
  const SafetensorsFile optimizer(checkpoint / kOptimizerFile);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    Moments& both = (*moments)[i];
    read_into(optimizer, "m." + tensors[i].name, both.m.shape(), both.m.data());
    read_into(optimizer, "v." + tensors[i].name, both.v.shape(), both.v.data());
  }
}

Manifest load_checkpoint_into(Weights& weights, const fs::path& run, Reporter& reporter) {
  FoundCheckpoint found = find_trained(run, reporter);
  check_config(found.manifest, weights.config, found.folder);
  if (trains_adapter(found.manifest.method)) {
    if (found.manifest.method == Method::Qlora) quantize_linears(weights, Nf4Codes::MadeOnReading);
    merge_lora(weights, read_lora(found));
    return found.manifest;
  }
  const auto file = std::make_shared<const SafetensorsFile>(found.folder / kWeightsFile);
  for_each_vector(weights, [&](const std::string& name, Buffer<float>& values) {
    read_into(*file, name, values.shape(), values.data());
  });
  for_each_matrix(weights, [&](const std::string& name, WeightMatrix& matrix) {
    if (matrix.is_float32()) return read_into(*file, name, matrix.shape(), matrix.data());
    matrix = stored_matrix(file, name, matrix.shape());
  });
  return found.manifest;
}

LoraWeights load_checkpoint_lora(const LlamaConfig& config, const fs::path& run, Reporter& reporter) {
  const FoundCheckpoint found = find_trained(run, reporter);
  check_config(found.manifest, config, found.folder);
  if (!trains_adapter(found.manifest.method)) {
    throw Error(Kind::User, run.string() + " holds a full fine-tuning, which has no adapter",
                "export the merged model, or train with train.method: lora");
  }
  return read_lora(found);
}

Manifest read_run_manifest(const fs::path& run, Reporter& reporter) {
  return find_trained(run, reporter).manifest;
}

}  // namespace faqsmith
