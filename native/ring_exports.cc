// The ring as JavaScript sees it: createRing, ringAddQp, ringSetLocal, ringSetRemote,
// ringPostReceives, ringStatistics, and the three hot functions, bound to their ring so that a call
// unwraps nothing.
#include <cerrno>

#include "errors.h"
#include "options.h"
#include "ring.h"

namespace farside {
namespace {

constexpr double kCapacityMax = 1 << 20;
constexpr double kRegionsMax = 65535;

template <int (*kCall)(Ring*, napi_env)>
napi_value Hot(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Ring* ring = static_cast<std::shared_ptr<Ring>*>(data)->get();
  if (!ring->isOpen()) return throwType(env, "postAndPoll: the ring is closed");
  const int completed = kCall(ring, env);
  napi_value result = nullptr;
  if (completed >= 0) napi_create_int32(env, completed, &result);
  return result;
}

int postSend(Ring* ring, napi_env env) { return ring->postSend(env); }
int pollCq(Ring* ring, napi_env) { return ring->pollCq(); }
int postAndPoll(Ring* ring, napi_env env) { return ring->postAndPoll(env); }

void bindHot(Napi::Object object, const char* name, napi_callback call, const std::shared_ptr<Ring>& ring) {
  napi_env env = object.Env();
  napi_value function = nullptr;
  auto* holder = new std::shared_ptr<Ring>(ring);
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call, holder, &function);
  napi_add_finalizer(
      env, function, holder,
      [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Ring>*>(data); }, nullptr,
      nullptr);
  object.Set(name, function);
}

Napi::Value RingBytes(const Napi::CallbackInfo& info) {
  const double capacity = takeInteger(info, 0, "ringBytes", "capacity", 16, kCapacityMax);
  if (capacity < 0) return info.Env().Undefined();
  const size_t words = Ring::wordsFor(static_cast<uint32_t>(capacity));
  return Napi::Number::New(info.Env(), static_cast<double>(words * 4 + 64));
}

Napi::Value CreateRing(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto pd = take<Pd>(info, 0, "createRing");
  if (!pd) return env.Undefined();
  auto cq = take<Cq>(info, 1, "createRing");
  if (!cq) return env.Undefined();
  void* address = nullptr;
  size_t length = 0;
  if (!sharedBytes(info[2], &address, &length)) {
    return throwType(env, "createRing: argument 3 must be a Uint8Array over a SharedArrayBuffer");
  }
  const double capacity = takeInteger(info, 3, "createRing", "capacity", 16, kCapacityMax);
  if (capacity < 0) return env.Undefined();
  const uint32_t slots = static_cast<uint32_t>(capacity);
  if (slots % 16 != 0) return throwRange(env, "createRing: capacity must be a multiple of 16");
  const size_t needed = Ring::wordsFor(slots) * 4;
  const size_t skip = (64 - reinterpret_cast<uintptr_t>(address) % 64) % 64;
  if (length < skip + needed) {
    return throwRange(
        env, format("createRing: %zu B are too few for %u slots: ringBytes says how many", length, slots));
  }
  if (pd->device != cq->device) {
    return throwType(env, "createRing: the completion queue belongs to another device");
  }
  if (cq->ring != nullptr) return throwType(env, "createRing: the completion queue has a ring already");
  uint8_t* start = static_cast<uint8_t*>(address) + skip;
  auto mr = registerMemory(env, pd, start, needed, IBV_ACCESS_LOCAL_WRITE, keep(info[2]));
  if (!mr) return env.Undefined();
  auto ring = makeResource<Ring>(pd, cq, reinterpret_cast<uint32_t*>(start), slots, mr);
  ring->addParent(pd);
  ring->addParent(cq);
  cq->ring = ring.get();
  Napi::Object result = Napi::Object::New(env);
  result.Set("ring", makeHandle(env, ring));
  result.Set("byteOffset", static_cast<double>(skip));
  bindHot(result, "postSend", Hot<postSend>, ring);
  bindHot(result, "pollCq", Hot<pollCq>, ring);
  bindHot(result, "postAndPoll", Hot<postAndPoll>, ring);
  return result;
}

Napi::Value RingAddQp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto ring = take<Ring>(info, 0, "ringAddQp");
  if (!ring) return env.Undefined();
  auto qp = take<Qp>(info, 1, "ringAddQp");
  if (!qp) return env.Undefined();
  if (qp->cq != ring->cq || qp->pd != ring->pd) {
    return throwType(env, "ringAddQp: the queue pair has another completion queue or protection domain");
  }
  Options options(info, 2, "ringAddQp");
  const double inlineMax = options.integer("inlineBytesMax", 0, 4294967295.0, qp->cap.max_inline_data);
  const double readsMax = options.integer("readsMax", 1, 4294967295.0, 4294967295.0);
  if (!options.ok()) return env.Undefined();
  if (inlineMax > qp->cap.max_inline_data) {
    return throwRange(env, format("ringAddQp: inlineBytesMax %.0f exceeds the %u that the queue pair has",
                                  inlineMax, qp->cap.max_inline_data));
  }
  uint32_t index = 0;
  if (!ring->addQp(env, qp, {static_cast<uint32_t>(inlineMax), static_cast<uint32_t>(readsMax)}, &index)) {
    return env.Undefined();
  }
  return Napi::Number::New(env, index);
}

Napi::Value RingSetLocal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto ring = take<Ring>(info, 0, "ringSetLocal");
  if (!ring) return env.Undefined();
  const double index = takeInteger(info, 1, "ringSetLocal", "index", 0, kRegionsMax);
  if (index < 0) return env.Undefined();
  auto mr = take<Mr>(info, 2, "ringSetLocal");
  if (!mr) return env.Undefined();
  if (mr->pd != ring->pd) {
    return throwType(env, "ringSetLocal: the memory region has another protection domain");
  }
  ring->setLocal(static_cast<uint32_t>(index), mr);
  return env.Undefined();
}

Napi::Value RingSetRemote(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto ring = take<Ring>(info, 0, "ringSetRemote");
  if (!ring) return env.Undefined();
  const double index = takeInteger(info, 1, "ringSetRemote", "index", 0, kRegionsMax);
  if (index < 0) return env.Undefined();
  Options options(info, 2, "ringSetRemote");
  const uint64_t address = options.word("address");
  const double length = options.integer("lengthBytes", 0, 9007199254740991.0, 0);
  const double rkey = options.integer("rkey", 0, 4294967295.0, 0);
  if (!options.ok()) return env.Undefined();
  ring->setRemote(static_cast<uint32_t>(index), address, static_cast<uint64_t>(length),
                  static_cast<uint32_t>(rkey));
  return env.Undefined();
}

Napi::Value RingPostReceives(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto ring = take<Ring>(info, 0, "ringPostReceives");
  if (!ring) return env.Undefined();
  const double last = static_cast<double>(ring->queueCount()) - 1;
  const double queue = takeInteger(info, 1, "ringPostReceives", "queue", 0, last);
  if (queue < 0) return env.Undefined();
  const double count = takeInteger(info, 2, "ringPostReceives", "count", 1, 1 << 20);
  if (count < 0) return env.Undefined();
  const int error = ring->addReceives(static_cast<uint32_t>(queue), static_cast<uint32_t>(count));
  if (error == 0) return env.Undefined();
  return throwErrno(env, "ringPostReceives", format("queue %.0f, %.0f receives", queue, count), error);
}

Napi::Value RingStatistics(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto ring = take<Ring>(info, 0, "ringStatistics");
  if (!ring) return env.Undefined();
  const Ring::Statistics& statistics = ring->statistics();
  Napi::Object result = Napi::Object::New(env);
  result.Set("posted", static_cast<double>(statistics.posted));
  result.Set("doorbells", static_cast<double>(statistics.doorbells));
  result.Set("signalled", static_cast<double>(statistics.signalled));
  result.Set("polls", static_cast<double>(statistics.polls));
  result.Set("completionEntries", static_cast<double>(statistics.completionEntries));
  result.Set("inFlight", static_cast<double>(ring->inFlight()));
  return result;
}

}  // namespace

void exportRing(Napi::Env env, Napi::Object exports) {
  exports.Set("ringBytes", Napi::Function::New(env, RingBytes));
  exports.Set("createRing", Napi::Function::New(env, CreateRing));
  exports.Set("ringAddQp", Napi::Function::New(env, RingAddQp));
  exports.Set("ringSetLocal", Napi::Function::New(env, RingSetLocal));
  exports.Set("ringSetRemote", Napi::Function::New(env, RingSetRemote));
  exports.Set("ringPostReceives", Napi::Function::New(env, RingPostReceives));
  exports.Set("ringStatistics", Napi::Function::New(env, RingStatistics));
}

}  // namespace farside
