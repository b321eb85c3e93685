// The zip archive that a .docx is, through libzip: looked over whole before anything is inflated, and never unpacked to
// disk. Source: ECMA-376 part 2 (Open Packaging Conventions).
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace faqsmith {

class DocxPackage {
 public:
  // bytes must outlive the package. Throws Error(Input) for what no Word file is: too many or repeated entries, too
  // large or inflated over a hundred times, names that leave the archive, links, passwords, other compressions, no
  // document in it.
  explicit DocxPackage(std::string_view bytes);

  [[nodiscard]] const std::string& document() const { return document_; }  // the main part's name
  // The part that the document names for a role ("styles", "footnotes" …); empty: it has none.
  [[nodiscard]] std::string related(std::string_view role) const;
  // The part's bytes; empty if there is no such part. Throws Error(Input) if it is damaged.
  [[nodiscard]] std::string read(const std::string& part) const;

 private:
  struct Close {
    void operator()(void* archive) const;
  };
  void check_entries() const;
  // Role → part, of the relationships that a part has: the last word of their type.
  [[nodiscard]] std::map<std::string, std::string, std::less<>> relations_of(const std::string& part) const;

  std::unique_ptr<void, Close> archive_;  // zip_t
  std::string document_;
  std::map<std::string, std::string, std::less<>> related_;
};

}  // namespace faqsmith
