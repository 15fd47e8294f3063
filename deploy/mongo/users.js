// Runs once, in an empty data folder: the user of the platform, with what it needs and no more.
const fs = require("fs");
const password = fs.readFileSync("/run/secrets/flights_mongo_password", "utf8").trim();
db.getSiblingDB("admin").createRole({
  role: "flightsServer",
  privileges: [{ resource: { cluster: true }, actions: ["fsync", "serverStatus", "replSetGetStatus"] }],
  roles: [],
});
db.getSiblingDB("admin").createUser({
  user: "flights",
  pwd: password,
  roles: [
    { role: "readWrite", db: "flight_tracking" },
    { role: "dbAdmin", db: "flight_tracking" },
    { role: "flightsServer", db: "admin" },
  ],
});
