// A workspace folder: faqsmith.yaml, faqsmith.db, faqsmith.log, runs/. One process at a time (a lock on .lock).
#pragma once
#include "store/database.h"

namespace faqsmith {

class Workspace {
 public:
  enum class Mode { Create, Existing };
  // Creates the folder if asked to. Throws Error(User) if it must exist and does not, Error(Io) if another process
  // holds it.
  Workspace(const fs::path& folder, Mode mode);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  [[nodiscard]] Database& db() { return *db_; }
  [[nodiscard]] const fs::path& folder() const { return folder_; }
  [[nodiscard]] fs::path runs() const { return folder_ / "runs"; }  // created

 private:
  fs::path folder_;
  int lock_fd_ = -1;
  std::unique_ptr<Database> db_;
};

}  // namespace faqsmith
