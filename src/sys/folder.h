// Names of files and folders, changed so that a crash cannot undo it: when a function returns, the change is on the
// disk. All errors are Error(Io) that name the path.
#pragma once
#include "sys/file.h"

namespace faqsmith {

void make_folders(const fs::path& folder);  // with its parents; those that are there stay as they are
void remove_tree(const fs::path& path);     // a file, or a folder with all in it; nothing if it is absent
// Gives a file or folder its final name, in the same folder. What has that name is replaced: a reader or a crash sees
// the old one or the new one, whole.
void replace_path(const fs::path& from, const fs::path& to);
void sync_folder(const fs::path& folder);  // its names; those of its subfolders are their own

}  // namespace faqsmith
