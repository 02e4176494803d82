// What tests tell the fake device: fakeConfigure, fakeFault, fakeHold, fakeRelease, fakeLose,
// fakeRemoveDevice, fakePowerLoss, fakeCounters.
#include <random>

#include "../errors.h"
#include "../memory.h"
#include "../options.h"
#include "../qp.h"
#include "fake.h"
#include "objects.h"

namespace farside::fake {
namespace {

// The fake queue pair behind argument 1; null with a pending exception.
FakeQp* takeFakeQp(const Napi::CallbackInfo& info, const char* verb) {
  auto qp = take<Qp>(info, 0, verb);
  if (!qp) return nullptr;
  if (&qp->library == &library()) return reinterpret_cast<FakeQp*>(qp->qp);
  throwType(info.Env(), std::string(verb) + ": the queue pair belongs to a real device");
  return nullptr;
}

Napi::Value FakeConfigure(const Napi::CallbackInfo& info) {
  Options options(info, 0, "fakeConfigure");
  std::lock_guard<std::mutex> guard(world().lock);
  const double inlineMax = options.integer("maxInlineData", 0, 65536, world().maxInlineData);
  const bool execute = options.flag("execute", world().execute);
  const double mtu = options.integer("activeMtu", IBV_MTU_256, IBV_MTU_4096, world().activeMtu);
  const double reads = options.integer("maxQpRdAtom", 0, 254, world().readsMax);
  const bool flush = options.flag("flush", world().flush);
  if (!options.ok()) return info.Env().Undefined();
  world().maxInlineData = static_cast<uint32_t>(inlineMax);
  world().execute = execute;
  world().activeMtu = static_cast<ibv_mtu>(mtu);
  world().readsMax = static_cast<uint8_t>(reads);
  world().flush = flush;
  return info.Env().Undefined();
}

Napi::Value FakeFaultNext(const Napi::CallbackInfo& info) {
  FakeQp* qp = takeFakeQp(info, "fakeFault");
  if (qp == nullptr) return info.Env().Undefined();
  Options options(info, 1, "fakeFault");
  FakeFault fault;
  fault.armed = true;
  fault.after = static_cast<uint64_t>(options.integer("after", 0, 1e9, 0));
  fault.status = static_cast<ibv_wc_status>(options.integer("status", 1, 23, IBV_WC_RETRY_EXC_ERR));
  fault.execute = options.flag("execute", false);
  fault.refuse = static_cast<int>(options.integer("refuse", 0, 4095, 0));
  if (!options.ok()) return info.Env().Undefined();
  std::lock_guard<std::mutex> guard(world().lock);
  qp->fault = fault;
  return info.Env().Undefined();
}

Napi::Value FakeHold(const Napi::CallbackInfo& info) {
  FakeQp* qp = takeFakeQp(info, "fakeHold");
  if (qp == nullptr) return info.Env().Undefined();
  std::lock_guard<std::mutex> guard(world().lock);
  qp->holding = true;
  return info.Env().Undefined();
}

// Executes the oldest held verbs, of which it gives how many are left; without a count all of them,
// and later ones at once.
Napi::Value FakeRelease(const Napi::CallbackInfo& info) {
  FakeQp* qp = takeFakeQp(info, "fakeRelease");
  if (qp == nullptr) return info.Env().Undefined();
  double count = 0;
  const bool all = info[1].IsUndefined();
  if (!all) {
    count = takeInteger(info, 1, "fakeRelease", "count", 0, 1e9);
    if (count < 0) return info.Env().Undefined();
  }
  std::lock_guard<std::mutex> guard(world().lock);
  if (all) qp->holding = false;
  release(qp, all ? qp->held.size() : static_cast<size_t>(count));
  return Napi::Number::New(info.Env(), static_cast<double>(qp->held.size()));
}

Napi::Value FakeLose(const Napi::CallbackInfo& info) {
  FakeQp* qp = takeFakeQp(info, "fakeLose");
  if (qp == nullptr) return info.Env().Undefined();
  std::lock_guard<std::mutex> guard(world().lock);
  qp->losing = true;
  return info.Env().Undefined();
}

// Each word of a persistent region that differs from what was flushed keeps its new value or gets
// its old one back, by the toss of a seeded coin; gives how many words differed and how many were
// lost.
Napi::Value FakeRemoveDevice(const Napi::CallbackInfo& info) {
  removeDevice();
  return info.Env().Undefined();
}

Napi::Value FakePowerLoss(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const double rkey = takeInteger(info, 0, "fakePowerLoss", "rkey", 0, 4294967295.0);
  if (rkey < 0) return env.Undefined();
  const double seed = takeInteger(info, 1, "fakePowerLoss", "seed", 0, 4294967295.0);
  if (seed < 0) return env.Undefined();
  std::lock_guard<std::mutex> guard(world().lock);
  const auto found = world().regions.find(static_cast<uint32_t>(rkey));
  FakeMr* mr = found == world().regions.end() ? nullptr : found->second;
  if (mr == nullptr || (mr->access & kAccessFlushPersistent) == 0) {
    return throwType(env, "fakePowerLoss: expected the key of a region of the fake device with FLUSH_PERSISTENT");
  }
  std::mt19937 coin(static_cast<uint32_t>(seed));
  auto* visible = static_cast<uint64_t*>(mr->mr.addr);
  double unflushed = 0, lost = 0;
  for (size_t at = 0; at < mr->durable.size(); at++) {
    if (visible[at] == mr->durable[at]) continue;
    unflushed++;
    if ((coin() & 1) != 0) {
      mr->durable[at] = visible[at];
    } else {
      visible[at] = mr->durable[at];
      lost++;
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("unflushedWords", unflushed);
  result.Set("lostWords", lost);
  return result;
}

Napi::Value FakeCounters(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> guard(world().lock);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("posts", static_cast<double>(world().posts));
  result.Set("works", static_cast<double>(world().works));
  result.Set("queuePairs", static_cast<double>(world().queuePairs.size()));
  result.Set("regions", static_cast<double>(world().regions.size()));
  result.Set("wireCpuMicroseconds", static_cast<double>(threadCpuNs() / 1000));
  result.Set("ids", static_cast<double>(openIds()));
  return result;
}

}  // namespace

void exportFake(Napi::Env env, Napi::Object exports) {
  exports.Set("fakeConfigure", Napi::Function::New(env, FakeConfigure));
  exports.Set("fakeFault", Napi::Function::New(env, FakeFaultNext));
  exports.Set("fakeHold", Napi::Function::New(env, FakeHold));
  exports.Set("fakeRelease", Napi::Function::New(env, FakeRelease));
  exports.Set("fakeLose", Napi::Function::New(env, FakeLose));
  exports.Set("fakeRemoveDevice", Napi::Function::New(env, FakeRemoveDevice));
  exports.Set("fakePowerLoss", Napi::Function::New(env, FakePowerLoss));
  exports.Set("fakeCounters", Napi::Function::New(env, FakeCounters));
}

}  // namespace farside::fake
