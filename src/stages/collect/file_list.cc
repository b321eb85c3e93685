// One walk; names are made unique afterwards.
#include "stages/collect/file_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace faqsmith {
namespace {

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

void walk(const fs::path& root, const std::string& prefix, FileList& list) {
  std::error_code code;
  // Without following links the walk is finite and stays inside.
  fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, code);
  if (code) {
    throw Error(Kind::Io, fmt::format("cannot list {}: {}", root.string(), code.message()),
                "check that you may read the folder");
  }
  for (const fs::recursive_directory_iterator end; at != end; at.increment(code)) {
    if (code) break;
    const fs::path& path = at->path();
    if (is_hidden(path)) {
      if (at->is_directory(code)) at.disable_recursion_pending();
    } else if (at->is_symlink(code)) {
      ++list.n_symlinks;
    } else if (at->is_regular_file(code)) {
      list.files.push_back({path, prefix + path.lexically_relative(root).generic_string()});
    }
  }
}

std::string folder_name(const fs::path& root) {
  const fs::path full = fs::weakly_canonical(root);
  return full.filename().string();
}

// Equal names of different files become their full paths.
void make_unique(std::vector<InputFile>& files) {
  std::map<std::string, int> n_of;
  for (const InputFile& file : files) ++n_of[file.name];
  for (InputFile& file : files) {
    if (n_of[file.name] > 1) file.name = fs::weakly_canonical(file.path).generic_string();
  }
  std::sort(files.begin(), files.end(), [](const InputFile& a, const InputFile& b) { return a.name < b.name; });
  // The same file given twice.
  files.erase(
      std::unique(files.begin(), files.end(), [](const InputFile& a, const InputFile& b) { return a.name == b.name; }),
      files.end());
}

}  // namespace

FileList list_files(const std::vector<fs::path>& inputs) {
  FileList list;
  for (const fs::path& input : inputs) {
    std::error_code code;
    const fs::file_status status = fs::status(input, code);
    if (!fs::exists(status)) {
      throw Error(Kind::User, fmt::format("{} does not exist", input.string()), "name a file or folder with documents");
    }
    if (fs::is_directory(status)) {
      walk(input, inputs.size() > 1 ? folder_name(input) + "/" : "", list);
    } else if (fs::is_regular_file(status)) {
      list.files.push_back({input, input.filename().generic_string()});
    } else {
      throw Error(Kind::User, fmt::format("{} is neither a file nor a folder", input.string()),
                  "name a file or folder with documents");
    }
  }
  make_unique(list.files);
  return list;
}

}  // namespace faqsmith
