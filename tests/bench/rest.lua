-- The clients of tests/bench/rest.py, for wrk: wrk -s rest.lua ADDRESS -- FOLDER, where FOLDER/tokens has a token a line.
-- FOLDER/bookings says of whoever is to book: the first turn, the hour of turn 0, the first spot and how many there are.
-- Without it they ask for the address as it is, as somebody or, if there is no token, as nobody.

local tokens, turn, hour, first, spots = {}, nil, nil, nil, nil

function init(arguments)
    for token in io.lines(arguments[1] .. "/tokens") do
        tokens[#tokens + 1] = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
    end
    local file = io.open(arguments[1] .. "/bookings")
    if file then
        turn, hour, first, spots = file:read("*n", "*n", "*n", "*n")
        file:close()
    else
        turn = 0
    end
end

function request()
    turn = turn + 1
    local head = tokens[turn % #tokens + 1]
    if not hour then
        return wrk.format("GET", nil, head)
    end
    local starts = hour + 3600 * math.floor(turn / spots)
    return wrk.format("POST", nil, head, string.format('{"spot_id":%d,"start_time":"%s","end_time":"%s"}', first + turn % spots,
        os.date("!%Y-%m-%dT%H:%M:%SZ", starts), os.date("!%Y-%m-%dT%H:%M:%SZ", starts + 3600)))
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format('\n{"requests":%d,"seconds":%.6f,"median":%.6f,"p99":%.6f,"failed":%d}\n', summary.requests,
        summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
        errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
