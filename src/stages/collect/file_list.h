// Which files a user's paths mean, each with the name under which it is stored.
#pragma once
#include <string>
#include <vector>

#include "sys/file.h"

namespace faqsmith {

struct InputFile {
  fs::path path;
  std::string name;  // relative to the folder that was given, with "/": the same on every machine
};

struct FileList {
  std::vector<InputFile> files;  // sorted by name
  int n_symlinks = 0;            // not followed
};

// Folders recursively; hidden files and folders are skipped, symbolic links inside them are not followed. Several
// inputs with the same file names are told apart by their folder's name. Throws Error(User) for a path that does not
// exist.
[[nodiscard]] FileList list_files(const std::vector<fs::path>& inputs);

}  // namespace faqsmith
