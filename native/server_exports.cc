// The server as JavaScript sees it: serve, serveDevice, answerRequest, fenceIncarnation, countServerCpu,
// queryServer.
#include "errors.h"
#include "options.h"
#include "server.h"

namespace farside {
namespace {

Napi::Value Serve(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto listener = take<CmId>(info, 0, "serve");
  if (!listener) return env.Undefined();
  if (listener->server != nullptr) return throwType(env, "serve: argument 1 is served already");
  Server::Limits limits = {};
  if (!readQpAttributes(info, 1, "serve", &limits.wanted, &limits.wantedMask)) return env.Undefined();
  Options options(info, 1, "serve");
  limits.connectionsMax = static_cast<size_t>(options.integer("connectionsMax", 0, 1 << 24, 1024));
  if (!options.ok()) return env.Undefined();
  auto server = makeResource<Server>(listener, limits);
  server->addParent(listener);
  return makeHandle(env, server);
}

// False with a pending exception. The bytes are in `privateData`, as those of a connection.
bool readParameters(Options* options, Napi::Env env, const char* verb, CmEvent* event) {
  event->responderResources = static_cast<uint8_t>(options->integer("responderResources", 0, 255, 0));
  event->initiatorDepth = static_cast<uint8_t>(options->integer("initiatorDepth", 0, 255, 0));
  Napi::Value value = options->value("privateData");
  PrivateData data;
  if (!options->ok() || !takePrivateData(env, value, verb, &data)) return false;
  event->privateData.assign(data.bytes, data.bytes + data.lengthBytes);
  return true;
}

Napi::Value ServeDevice(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto server = take<Server>(info, 0, "serveDevice");
  if (!server) return env.Undefined();
  auto pd = take<Pd>(info, 1, "serveDevice");
  if (!pd) return env.Undefined();
  auto cq = take<Cq>(info, 2, "serveDevice");
  if (!cq) return env.Undefined();
  if (pd->device != cq->device || &pd->library != &server->library) {
    return throwType(env,
                     "serveDevice: server, protection domain and completion queue have different devices");
  }
  Options options(info, 3, "serveDevice");
  const auto receives = static_cast<uint32_t>(options.integer("receives", 0, 1 << 20, 0));
  CmEvent parameters = {};
  if (!readParameters(&options, env, "serveDevice", &parameters)) return env.Undefined();
  server->offer(
      {pd, cq, parameters.privateData, parameters.responderResources, parameters.initiatorDepth, receives});
  return env.Undefined();
}

Napi::Value AnswerRequest(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto server = take<Server>(info, 0, "answerRequest");
  if (!server) return env.Undefined();
  CmEvent request = {};
  request.id = take<CmId>(info, 1, "answerRequest");
  if (!request.id) return env.Undefined();
  if (request.id->server != nullptr) {
    return throwType(env, "answerRequest: argument 2 is no request to connect");
  }
  Options options(info, 2, "answerRequest");
  if (readParameters(&options, env, "answerRequest", &request)) server->answer(env, request);
  return env.Undefined();
}

Napi::Value FenceIncarnation(const Napi::CallbackInfo& info) {
  auto server = take<Server>(info, 0, "fenceIncarnation");
  if (!server) return info.Env().Undefined();
  const double incarnation = takeInteger(info, 1, "fenceIncarnation", "incarnation", 0, 9007199254740991.0);
  if (incarnation >= 0) server->fence(static_cast<uint64_t>(incarnation));
  return info.Env().Undefined();
}

Napi::Value CountServerCpu(const Napi::CallbackInfo& info) {
  auto server = take<Server>(info, 0, "countServerCpu");
  if (server) server->countCpu();
  return info.Env().Undefined();
}

Napi::Value QueryServer(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto server = take<Server>(info, 0, "queryServer");
  if (!server) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("connections", static_cast<double>(server->connections()));
  result.Set("cpuMicroseconds", static_cast<double>(server->cpuMicroseconds()));
  return result;
}

}  // namespace

void exportServer(Napi::Env env, Napi::Object exports) {
  exports.Set("serve", Napi::Function::New(env, Serve));
  exports.Set("serveDevice", Napi::Function::New(env, ServeDevice));
  exports.Set("answerRequest", Napi::Function::New(env, AnswerRequest));
  exports.Set("fenceIncarnation", Napi::Function::New(env, FenceIncarnation));
  exports.Set("countServerCpu", Napi::Function::New(env, CountServerCpu));
  exports.Set("queryServer", Napi::Function::New(env, QueryServer));
}

}  // namespace farside
