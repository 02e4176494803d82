#include "options.h"

#include <cmath>

#include "errors.h"

namespace farside {
namespace {

std::string show(Napi::Value value) {
  // Only what cannot run code of the caller's: toString of an object may be anything.
  if (value.IsNumber()) return format("%.17g", value.As<Napi::Number>().DoubleValue());
  if (value.IsString()) return "\"" + value.As<Napi::String>().Utf8Value() + "\"";
  if (value.IsBigInt()) return "a bigint";
  if (value.IsBoolean()) return value.As<Napi::Boolean>() ? "true" : "false";
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  return value.IsFunction() ? "a function" : "an object";
}

bool isInteger(Napi::Value value, double low, double high) {
  if (!value.IsNumber()) return false;
  double number = value.As<Napi::Number>().DoubleValue();
  return std::trunc(number) == number && number >= low && number <= high;
}

std::string range(double low, double high) { return format("an integer of %.0f to %.0f", low, high); }

}  // namespace

Options::Options(const Napi::CallbackInfo& info, size_t index, const char* verb)
    : env_(info.Env()), object_(Napi::Object::New(env_)), verb_(verb) {
  if (info[index].IsUndefined()) return;
  if (info[index].IsObject()) {
    object_ = info[index].As<Napi::Object>();
    return;
  }
  ok_ = false;
  throwType(env_,
            std::string(verb) + ": argument " + std::to_string(index + 1) + " must be an object of options");
}

Napi::Value Options::value(const char* name) {
  if (!ok_) return env_.Undefined();
  Napi::Value found = object_.Get(name);
  // A getter may have thrown.
  if (env_.IsExceptionPending()) {
    ok_ = false;
    return env_.Undefined();
  }
  return found;
}

bool Options::has(const char* name) { return !value(name).IsUndefined(); }

double Options::integer(const char* name, double low, double high, double absent) {
  Napi::Value found = value(name);
  if (!ok_ || found.IsUndefined()) return absent;
  if (isInteger(found, low, high)) return found.As<Napi::Number>().DoubleValue();
  fail(name, range(low, high) + ", not " + show(found));
  return absent;
}

bool Options::flag(const char* name, bool absent) {
  Napi::Value found = value(name);
  if (!ok_ || found.IsUndefined()) return absent;
  if (found.IsBoolean()) return found.As<Napi::Boolean>();
  fail(name, "a boolean, not " + show(found));
  return absent;
}

std::string Options::text(const char* name, const std::string& absent) {
  Napi::Value found = value(name);
  if (!ok_ || found.IsUndefined()) return absent;
  if (found.IsString()) return found.As<Napi::String>().Utf8Value();
  fail(name, "a string, not " + show(found));
  return absent;
}

uint64_t Options::word(const char* name) {
  Napi::Value found = value(name);
  if (!ok_ || found.IsUndefined()) return 0;
  bool lossless = false;
  uint64_t word = found.IsBigInt() ? found.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) fail(name, "an unsigned 64-bit bigint, not " + show(found));
  return word;
}

void Options::fail(const char* name, const std::string& expected) {
  ok_ = false;
  throwType(env_, std::string(verb_) + ": " + name + " must be " + expected);
}

double takeInteger(const Napi::CallbackInfo& info, size_t index, const char* verb, const char* name,
                   double low, double high) {
  if (isInteger(info[index], low, high)) return info[index].As<Napi::Number>().DoubleValue();
  throwType(info.Env(),
            std::string(verb) + ": " + name + " must be " + range(low, high) + ", not " + show(info[index]));
  return -1;
}

}  // namespace farside
