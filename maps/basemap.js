// The base map on a Leaflet map: quiet, so that damages stand out; names in Japanese first.
// Layers and kinds are those of maps/basemap_classes.py, which Protomaps' basemap extracts share.
'use strict';
var roadBasemap = (function () {
    var FONTS = '"Noto Sans JP","Noto Sans CJK JP","Hiragino Kaku Gothic ProN","Hiragino Sans","Yu Gothic",' +
        '"Meiryo",sans-serif';
    // A name with nothing to be seen in it has no height, and protomaps-leaflet would place it for ever.
    var VISIBLE = /[\p{L}\p{N}]/u;
    function name(z, f) {
        return ['name:ja', 'name'].filter(function (key) { return VISIBLE.test(f.props[key] || ''); });
    }
    var HALO = '#ffffff', WATER = '#cddfea';
    var GREEN = {
        forest: '#e3ebdd', wood: '#e3ebdd', park: '#e4eedc', grass: '#ecf1e5', pitch: '#e6ede0',
        cemetery: '#e8ece4', farmland: '#f2f2e8', beach: '#f4efe0', sand: '#f4efe0', pier: '#edece9'
    };
    // Width in px on the page at zooms 10, 13, 16 and 19; colour, and that of the edge, by class of road.
    var ROADS = {
        motorway: [2.4, 4.5, 11, 40, '#d5d9e2', '#a7aebd'],
        trunk: [1.8, 3.8, 11, 38, '#e4e6ec', '#adb2be'],
        primary: [1.4, 3.4, 10, 34, '#ffffff', '#b3b5ba'],
        secondary: [1.0, 2.9, 9, 30, '#ffffff', '#bdbebf'],
        tertiary: [0.8, 2.4, 8, 27, '#ffffff', '#c4c4c4'],
        minor: [0, 1.3, 5.5, 20, '#ffffff', '#cfcecb'],
        service: [0, 0.6, 3, 11, '#ffffff', '#dbdad7'],
        path: [0, 0, 1.2, 2.5, '#d3cfc8', '']
    };
    var ORDER = ['service', 'minor', 'tertiary', 'secondary', 'primary', 'trunk', 'motorway'];

    function roadClass(props) {
        var detail = String(props.kind_detail || '').replace('_link', '');
        if (props.kind === 'path' || props.kind === 'rail' || props.kind === 'other') return props.kind;
        if (detail === 'service' || detail === 'busway') return 'service';
        if (ROADS[detail]) return detail;
        if (props.kind === 'highway') return 'motorway';
        if (props.kind === 'major_road') return 'tertiary';
        return props.kind === 'minor_road' ? 'minor' : '';
    }

    function roadWidth(name, z) {
        var row = ROADS[name], stops = [10, 13, 16, 19];
        if (z <= 10) return row[0] * Math.pow(0.8, 10 - z);
        for (var i = 1; i < 4; i++) {
            if (z <= stops[i]) {
                var share = (z - stops[i - 1]) / 3;
                return row[i - 1] > 0 ? row[i - 1] * Math.pow(row[i] / row[i - 1], share) : row[i] * share;
            }
        }
        return row[3] * Math.pow(2, z - 19);
    }

    function between(z, low, small, high, large) {
        return small + (large - small) * Math.max(0, Math.min(1, (z - low) / (high - low)));
    }

    function paintRules(P) {
        var rules = [];
        function line(layer, minzoom, filter, style) {
            style = Object.assign({lineCap: 'round', lineJoin: 'round'}, style);
            rules.push({dataLayer: layer, minzoom: minzoom, filter: filter, symbolizer: new P.LineSymbolizer(style)});
        }
        function area(layer, filter, style) {
            rules.push({dataLayer: layer, filter: filter, symbolizer: new P.PolygonSymbolizer(style)});
        }
        function solid(f) { return f.geomType === 3; }
        function kind() {
            var kinds = Array.prototype.slice.call(arguments);
            return function (z, f) { return kinds.indexOf(f.props.kind) >= 0; };
        }
        function tunnel(f) { return f.props.is_tunnel || f.props.tunnel; }
        function road(name) { return function (z, f) { return roadClass(f.props) === name && !tunnel(f); }; }

        area('landuse', function (z, f) { return solid(f) && f.props.kind in GREEN; },
            {fill: function (z, f) { return GREEN[f.props.kind]; }});
        area('water', function (z, f) { return solid(f); }, {fill: WATER});
        line('water', 0, kind('river', 'canal'), {color: WATER, width: function (z) { return between(z, 9, 0.8, 17, 6); }});
        line('water', 0, kind('stream', 'drain', 'ditch'), {color: WATER, width: function (z) { return between(z, 13, 0.7, 18, 3); }});
        line('water', 0, kind('bank', 'coastline'), {color: '#9fbdcf', width: 1});
        line('water', 0, kind('structure'), {color: '#c3cdd2', width: 0.8});
        area('landuse', function (z, f) { return solid(f) && f.props.kind === 'pier'; }, {fill: GREEN.pier});
        area('buildings', function (z, f) { return solid(f); }, {
            fill: '#e9e7e4', stroke: '#dcd9d5', width: function (z) { return z >= 17 ? 0.8 : 0; }
        });
        line('buildings', 0, function (z, f) { return f.geomType === 2; }, {color: '#d6d3ce', width: 0.7});
        line('boundaries', 0, kind('neighbourhood'), {color: '#d9d3dc', width: 0.8, dash: [2, 3], lineCap: 'butt'});
        line('boundaries', 0, kind('country', 'region', 'county', 'locality'),
            {color: '#b7abbd', width: 1.1, dash: [6, 3, 1.5, 3], lineCap: 'butt'});

        area('roads', kind('area'), {fill: '#ffffff', stroke: '#c9c7c3', width: 0.6});
        line('roads', 0, function (z, f) { return f.props.kind === 'edge' && f.props.kind_detail === 'narrow'; },
            {color: '#d8d5d0', width: 0.7});
        line('roads', 0, function (z, f) { return f.props.kind === 'edge' && f.props.kind_detail !== 'narrow'; },
            {color: '#b4b1ac', width: function (z) { return between(z, 13, 0.5, 18, 1.3); }});
        line('roads', 0, kind('component'), {color: '#d5d2cd', width: 0.7});
        line('roads', 15, function (z, f) { return f.props.kind === 'path' && f.props.kind_detail !== 'pedestrian'; }, {
            color: ROADS.path[4], width: function (z) { return roadWidth('path', z); }, dash: [3, 3], lineCap: 'butt'
        });
        line('roads', 14, function (z, f) { return f.props.kind_detail === 'pedestrian' && f.geomType === 2; },
            {color: '#e9e6e1', width: function (z) { return roadWidth('service', z); }});
        ORDER.forEach(function (name) {
            line('roads', name === 'service' ? 15 : 0,
                function (z, f) { return roadClass(f.props) === name && !!tunnel(f); },
                {color: '#dddcd9', width: function (z) { return roadWidth(name, z) * 0.8; }, dash: [3, 2], lineCap: 'butt'});
        });
        ORDER.forEach(function (name) {
            line('roads', name === 'service' ? 15 : 0, road(name), {
                color: ROADS[name][5],
                width: function (z) { return roadWidth(name, z) + (z >= 13 ? 1.4 : z >= 11 ? 0.7 : 0); }
            });
        });
        ORDER.forEach(function (name) {
            // From afar a white line on light paper would be none: there roads are drawn in their edge's colour.
            line('roads', name === 'service' ? 15 : 0, function (z, f) { return (z >= 13 || name === 'motorway') && road(name)(z, f); },
                {color: ROADS[name][4], width: function (z) { return roadWidth(name, z); }});
        });
        function tram(f) { return f.props.kind_detail === 'tram'; }
        line('roads', 0, kind('rail'), {color: '#b7b8bc', width: function (z, f) {
            return tram(f) ? between(z, 13, 0.6, 18, 1.2) : z < 16 ? between(z, 9, 0.8, 15, 1.3) : 3; }});
        line('roads', 16, function (z, f) { return f.props.kind === 'rail' && !tram(f); },
            {color: '#ffffff', width: 1.7, dash: [8, 8], lineCap: 'butt'});
        return rules;
    }

    var PLACES = {city: 0, town: 1, village: 2, borough: 3, suburb: 3, macrohood: 3, quarter: 4, island: 4};

    function placeRank(props) {
        var rank = PLACES[props.kind_detail];
        if (rank === undefined) rank = PLACES[props.kind];
        return rank === undefined ? 5 : rank;
    }

    function labelRules(P) {
        var size = function (z, f) {
            var rank = placeRank(f.props);
            return rank === 0 ? between(z, 6, 13, 13, 19) : rank < 3 ? between(z, 9, 12, 14, 16) : rank === 3 ? 13 : 12;
        };
        function text(style) {
            return Object.assign({labelProps: name, fontFamily: FONTS, stroke: HALO, width: 3, lineHeight: 1.25}, style);
        }
        function named(kinds, minzoom, style) {
            return {
                dataLayer: 'pois', minzoom: minzoom,
                filter: function (z, f) { return kinds.indexOf(f.props.kind) >= 0; },
                symbolizer: new P.CenteredTextSymbolizer(text(style))
            };
        }
        function along(names, minzoom, px) {
            return {
                dataLayer: 'roads', minzoom: minzoom,
                filter: function (z, f) { return names.indexOf(roadClass(f.props)) >= 0; },
                symbolizer: new P.LineLabelSymbolizer(text({
                    fontSize: px, fill: '#66686e', position: P.LineLabelPlacement ? P.LineLabelPlacement.Center : 2,
                    repeatDistance: 420, maxLabelChars: 24
                }))
            };
        }
        function station(kind, minzoom, px, fill) {
            return {
                dataLayer: 'pois', minzoom: minzoom, filter: function (z, f) { return f.props.kind === kind; },
                symbolizer: new P.GroupSymbolizer([
                    new P.CircleSymbolizer({radius: 3, fill: '#ffffff', stroke: fill, width: 1.6}),
                    new P.OffsetTextSymbolizer(text({fontSize: px, fontWeight: 600, fill: fill, offsetX: 6, offsetY: 4}))
                ])
            };
        }
        return [
            {dataLayer: 'places', filter: function (z, f) { return placeRank(f.props) < 3 && z < 15; },
                sort: function (a, b) { return placeRank(a) - placeRank(b); },
                symbolizer: new P.CenteredTextSymbolizer(text({fontSize: size, fontWeight: 600, fill: '#4a4d55'}))},
            station('station', 13, 12, '#5d6470'),
            along(['motorway', 'trunk', 'primary'], 13, 12),
            {dataLayer: 'places', filter: function (z, f) { return placeRank(f.props) >= 3 && z < 18; },
                sort: function (a, b) { return placeRank(a) - placeRank(b); },
                symbolizer: new P.CenteredTextSymbolizer(text({fontSize: size, fill: '#7a7d86', fontWeight: 500}))},
            along(['secondary', 'tertiary'], 14, 12),
            named(['townhall', 'hospital', 'university', 'castle', 'aerodrome'], 14, {fontSize: 11, fill: '#6b6e76'}),
            along(['minor', 'path'], 16, 11),
            named(['water', 'sea'], 12, {fontSize: 11, fill: '#6389a3', fontStyle: 'italic'}),
            {dataLayer: 'water', minzoom: 13, filter: function (z, f) { return f.geomType === 2; },
                symbolizer: new P.LineLabelSymbolizer(text({fontSize: 11, fill: '#6389a3', repeatDistance: 600, position: 2}))},
            named(['park', 'cemetery'], 14, {fontSize: 11, fill: '#77896c'}),
            named(['school', 'college', 'police', 'fire_station', 'library', 'museum', 'shrine', 'marketplace',
                'bus_station', 'peak'], 16, {fontSize: 11, fill: '#83858b'}),
            named(['theatre', 'attraction', 'place_of_worship', 'post_office'], 17, {fontSize: 11, fill: '#83858b'})
        ];
    }

    // A PMTiles source over bytes that the page holds.
    function held(base64) {
        var text = atob(base64), bytes = new Uint8Array(text.length);
        for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
        return {
            getKey: function () { return 'held'; },
            getBytes: function (offset, length) {
                return Promise.resolve({data: bytes.buffer.slice(offset, offset + length)});
            }
        };
    }

    function vector(url, options, maxDataZoom) {
        return protomapsL.leafletLayer(Object.assign({
            url: url, maxDataZoom: maxDataZoom, lang: 'ja',
            paintRules: paintRules(protomapsL), labelRules: labelRules(protomapsL)
        }, options));
    }

    // Puts the base map into a layer group: given as `data` (base64) or `url` of a PMTiles file, or as
    // `tiles`, the address of tiles with {z}, {x} and {y}.
    return function (group, given) {
        var options = {attribution: given.attribution, maxZoom: 24, noWrap: false};
        function add(layer) {
            group.addLayer(layer);
            group.ready = true;
            group.fire('ready');
        }
        if (given.tiles) {
            options.minZoom = given.minZoom;
            if (given.vector) add(vector(given.tiles, options, given.maxZoom));
            else add(L.tileLayer(given.tiles, Object.assign(options, {maxNativeZoom: given.maxZoom})));
            return;
        }
        var archive = new pmtiles.PMTiles(given.data ? held(given.data) : given.url);
        archive.getHeader().then(function (header) {
            if (header.tileType === 1) add(vector(archive, options, header.maxZoom));
            // Not minNativeZoom: far out that would mean to load every tile there is.
            else add(pmtiles.leafletRasterLayer(archive, Object.assign(options, {
                maxNativeZoom: header.maxZoom, minZoom: header.minZoom
            })));
        }).catch(function (error) { console.error('The base map can not be read: ' + error); });
    };
})();
