// Reads the options object of a verb. The first thing wrong leaves a TypeError or RangeError
// pending, and everything after it is skipped: a verb reads all it needs, then asks `ok()`.
#pragma once

#include <napi.h>

#include <string>

namespace farside {

class Options {
 public:
  // An absent argument is an empty object.
  Options(const Napi::CallbackInfo& info, size_t index, const char* verb);

  bool ok() const { return ok_; }
  bool has(const char* name);
  // An integer of `low..high`; `absent` where the option is missing.
  double integer(const char* name, double low, double high, double absent);
  bool flag(const char* name, bool absent);
  std::string text(const char* name, const std::string& absent);
  // A 64-bit unsigned integer, given as a bigint; 0 where it is missing.
  uint64_t word(const char* name);
  Napi::Value value(const char* name);

 private:
  void fail(const char* name, const std::string& expected);

  Napi::Env env_;
  Napi::Object object_;
  const char* verb_;
  bool ok_ = true;
};

// Argument `index` as an integer of `low..high`; -1 with a pending exception where it is none.
double takeInteger(const Napi::CallbackInfo& info, size_t index, const char* verb, const char* name,
                   double low, double high);

}  // namespace farside
