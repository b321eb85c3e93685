// No exception passes through libxml2: what goes wrong is kept and thrown when the parser has stopped.
#include "ingest/xml_events.h"

#include <fmt/format.h>
#include <libxml/parser.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr int kMaxDepth = 256;
constexpr std::size_t kPiece = 1 << 16;  // bytes handed over at once

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

struct Parse {
  XmlSink& sink;
  xmlParserCtxtPtr context = nullptr;
  bool has_type = false;
  int depth = 0;
};

Parse& self(void* data) {
  return *static_cast<Parse*>(data);
}

void on_start(void* data, const xmlChar* name, const xmlChar*, const xmlChar* space, int, const xmlChar**, int n, int,
              const xmlChar** attributes) {
  Parse& parse = self(data);
  if (++parse.depth > kMaxDepth) {
    xmlStopParser(parse.context);  // libxml2 itself bounds trees only
  } else {
    parse.sink.start(view(space), view(name), XmlAttributes(attributes, n));
  }
}

void on_end(void* data, const xmlChar*, const xmlChar*, const xmlChar*) {
  if (self(data).depth-- <= kMaxDepth) self(data).sink.end();
}

void on_type(void* data, const xmlChar*, const xmlChar*, const xmlChar*) {
  self(data).has_type = true;
  xmlStopParser(self(data).context);
}

void on_error(void*, const char*, ...) {}

[[noreturn]] void throw_broken(std::string_view part, const xmlError* error) {
  const std::string what = error == nullptr || error->message == nullptr ? "" : std::string(trim(error->message));
  throw Error(Kind::Input, fmt::format("{} is no well-formed XML (line {}: {})", part, error ? error->line : 0, what),
              "open the file in its program and save it again");
}

}  // namespace

std::string_view XmlAttributes::get(std::string_view name) const {
  for (int i = 0; i < n_; ++i) {
    const xmlChar** attribute = attributes_ + static_cast<std::ptrdiff_t>(i) * 5;
    if (view(attribute[0]) != name) continue;
    const char* begin = reinterpret_cast<const char*>(attribute[3]);
    return {begin, static_cast<std::size_t>(attribute[4] - attribute[3])};
  }
  return {};
}

bool XmlAttributes::has(std::string_view name) const {
  return get(name).data() != nullptr;
}

int XmlAttributes::number(std::string_view name, int otherwise, int most) const {
  const std::string_view text = get(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return otherwise;
  return std::min(value, most);
}

void parse_xml(std::string_view part, std::string_view bytes, XmlSink& sink) {
  Parse parse{.sink = sink};
  xmlSAXHandler sax{};
  sax.initialized = XML_SAX2_MAGIC;
  sax.startElementNs = on_start;
  sax.endElementNs = on_end;
  sax.characters = [](void* data, const xmlChar* text, int n) {
    self(data).sink.characters({reinterpret_cast<const char*>(text), static_cast<std::size_t>(n)});
  };
  sax.ignorableWhitespace = sax.characters;
  sax.cdataBlock = sax.characters;
  sax.internalSubset = on_type;
  sax.error = on_error;
  sax.warning = on_error;
  sax.fatalError = on_error;
  parse.context = xmlCreatePushParserCtxt(&sax, &parse, nullptr, 0, nullptr);
  const std::unique_ptr<xmlParserCtxt, decltype(&xmlFreeParserCtxt)> owner(parse.context, xmlFreeParserCtxt);
  xmlCtxtUseOptions(parse.context, XML_PARSE_NONET | XML_PARSE_COMPACT);
  const auto goes_on = [&] { return parse.context->wellFormed && !parse.has_type && parse.depth <= kMaxDepth; };
  for (std::size_t at = 0; at < bytes.size() && goes_on(); at += kPiece) {
    const std::string_view piece = bytes.substr(at, kPiece);
    xmlParseChunk(parse.context, piece.data(), static_cast<int>(piece.size()), 0);
  }
  if (goes_on()) xmlParseChunk(parse.context, nullptr, 0, 1);
  if (parse.has_type) {
    throw Error(Kind::Input, fmt::format("{} declares a document type, which no Word file needs", part),
                "leave the file out: it may be made to attack its reader");
  }
  if (parse.depth > kMaxDepth) {
    throw Error(Kind::Input, fmt::format("{} has elements nested more than {} deep", part, kMaxDepth),
                "leave the file out: it may be made to attack its reader");
  }
  if (!parse.context->wellFormed) throw_broken(part, xmlCtxtGetLastError(parse.context));
}

}  // namespace faqsmith
