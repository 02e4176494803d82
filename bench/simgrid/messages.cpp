// 64-byte messages between pairs of actors on SimGrid, for comparison with farside's simulator: each of
// `pairs` senders sends `count` messages through a mailbox of its own and waits for each to arrive.
// Prints messages per second of real time.
#include <simgrid/s4u.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace sg4 = simgrid::s4u;

int main(int argc, char** argv) {
  sg4::Engine engine(&argc, argv);
  const int pairs = argc > 1 ? std::atoi(argv[1]) : 32;
  const int count = argc > 2 ? std::atoi(argv[2]) : 5000;

  auto* zone = sg4::create_full_zone("cluster");
  auto* one = zone->create_host("one", 1e9);
  auto* two = zone->create_host("two", 1e9);
  auto* link = zone->create_link("wire", 12.5e9)->set_latency(1e-6)->seal();
  const sg4::LinkInRoute in_route{link};
  zone->add_route(one->get_netpoint(), two->get_netpoint(), nullptr, nullptr, {in_route}, true);
  zone->seal();

  static int payload = 0;
  for (int p = 0; p < pairs; p++) {
    auto* box = sg4::Mailbox::by_name("box" + std::to_string(p));
    sg4::Actor::create("sender", one, [box, count] {
      for (int i = 0; i < count; i++) box->put(&payload, 64);
    });
    sg4::Actor::create("receiver", two, [box, count] {
      for (int i = 0; i < count; i++) box->get<int>();
    });
  }

  const auto begin = std::chrono::steady_clock::now();
  engine.run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%.0f\n", pairs * static_cast<double>(count) / took.count());
  return 0;
}
