// XML from untrusted files as events, through libxml2: no tree, no network, no document type, no entities of its own,
// no more than 256 elements deep.
#pragma once
#include <string_view>

namespace faqsmith {

class XmlAttributes {
 public:
  XmlAttributes(const unsigned char** attributes, int n) : attributes_(attributes), n_(n) {}
  // By its local name, whatever its namespace; empty: not there.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  // A whole number from 0 to most; otherwise where it is absent or no number.
  [[nodiscard]] int number(std::string_view name, int otherwise, int most) const;

 private:
  const unsigned char** attributes_;  // libxml2's: five pointers each
  int n_;
};

class XmlSink {
 public:
  virtual ~XmlSink() = default;
  // space: the namespace's address; name: the local name.
  virtual void start(std::string_view space, std::string_view name, const XmlAttributes& attributes) = 0;
  virtual void end() = 0;
  virtual void characters(std::string_view text) = 0;
};

// part: the name for messages. Throws Error(Input) at the first thing that is no plain, well-formed XML.
void parse_xml(std::string_view part, std::string_view bytes, XmlSink& sink);

}  // namespace faqsmith
