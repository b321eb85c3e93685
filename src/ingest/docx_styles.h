// styles.xml of a Word file: what a style makes of a paragraph or of a run's text.
// Source: ECMA-376 part 1, section 17.7.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace faqsmith {

struct DocxStyle {
  int heading = 0;  // level from 1; 0: none
  bool title = false;
  bool toc = false;
  bool code = false;
  bool hidden = false;
  int list_depth = 0;  // from 1; 0: no list
};

class DocxStyles {
 public:
  DocxStyles() = default;
  // xml: the part's bytes, may be empty. Throws Error(Input) if it is no well-formed XML.
  explicit DocxStyles(std::string_view part, std::string_view xml);

  // By the id that the document uses; a style that is not there means nothing. Base styles are looked through.
  [[nodiscard]] DocxStyle find(std::string_view id) const;
  [[nodiscard]] const std::string& language() const { return language_; }  // of the whole document, e.g. "en-US"

  struct Entry {
    std::string name, base;  // name: as people see it; built-in ones are English whatever Word's language
    int outline = -1;        // from 0; 9: body text; -1: it says nothing
    int list_depth = -1;     // 0: explicitly none
    int hidden = -1;         // 0 or 1
  };

 private:
  std::map<std::string, Entry, std::less<>> entries_;  // by id
  std::string language_;
};

}  // namespace faqsmith
