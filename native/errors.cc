#include "errors.h"

#include <uv.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace farside {

Napi::Value throwType(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value throwRange(Napi::Env env, const std::string& message) {
  Napi::RangeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value throwErrno(Napi::Env env, const char* verb, const std::string& arguments, int error) {
  const std::string name = uv_err_name(-error);
  const std::string call = arguments.empty() ? verb : std::string(verb) + " (" + arguments + ")";
  Napi::Error object = Napi::Error::New(env, call + ": " + name + ", " + std::strerror(error));
  Napi::Object fields = object.Value();
  fields.Set("name", "VerbsError");
  fields.Set("verb", verb);
  fields.Set("arguments", arguments);
  fields.Set("errno", error);
  fields.Set("code", name);
  object.ThrowAsJavaScriptException();
  return env.Undefined();
}

int errnoOf(int answer) {
  if (answer == 0) return 0;
  if (answer > 0) return answer;
  return answer == -1 && errno != 0 ? errno : -answer;
}

std::string format(const char* pattern, ...) {
  char text[512];
  va_list values;
  va_start(values, pattern);
  vsnprintf(text, sizeof(text), pattern, values);
  va_end(values);
  return text;
}

}  // namespace farside
