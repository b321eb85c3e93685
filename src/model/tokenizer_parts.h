// The readers behind tokenizer_files.h: one for each kind of vocabulary file, and the checks that they share.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/file.h"
#include "text/tokenizer.h"

namespace faqsmith {

// One vocabulary file; every refusal begins with its path.
class TokenizerFile {
 public:
  explicit TokenizerFile(fs::path path) : path_(std::move(path)) {}
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[noreturn]] void refuse(const std::string& place, const std::string& reason) const;
  // "… is not supported yet", with a hint that says so.
  [[noreturn]] void refuse_unsupported(const std::string& place, const std::string& what) const;
  // Bounded in size and depth.
  [[nodiscard]] nlohmann::json read_json(std::size_t max_bytes) const;

 private:
  fs::path path_;
};

// A token that stands beside the vocabulary proper.
struct AddedTokenEntry {
  std::int64_t id = -1;
  std::string content;
  bool special = false, normalized = false, single_word = false, strips = false;
};
[[nodiscard]] AddedTokenEntry read_added_token(const nlohmann::json& entry, const std::string& place,
                                               const TokenizerFile& file);
// Control or user-defined; refuses by name what would change how a user-defined token is found.
[[nodiscard]] TokenType type_of_added(const AddedTokenEntry& entry, bool text_is_normalized, const std::string& place,
                                      const TokenizerFile& file);

// Refuses, in the file's name, what Tokenizer would not take.
void try_tokenizer(const TokenizerSpec& spec, const std::string& file);

[[nodiscard]] TokenizerSpec read_tokenizer_json(const fs::path& path);
[[nodiscard]] TokenizerSpec read_tokenizer_model(const fs::path& path);

}  // namespace faqsmith
