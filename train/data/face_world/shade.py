"""Per-pixel shading: skin, eyes, mouth, cloth and frames under a key light, the sky and a rim light."""

from __future__ import annotations

import math

from numba import njit

from train.data.face_world.eyes import eye_albedo, iris_angle
from train.data.face_world.fabrics import FABRIC_GLOSS, fabric_at
from train.data.face_world.light import SHADOW_TURNS, soft_shadow
from train.data.face_world.probe import look_up
from train.data.face_world.raster import barycentric
from train.data.face_world.skin_grain import grain_at
from train.data.face_world.stage import Finish, Layers, Paint, Scene, Surface
from train.data.face_world.types import I32, Material, Part

CORNEA_BULGE = 0.5  # a cornea's radius is about 1 / 1.5 of the eyeball's

_SKIN, _MOUTH, _TEETH = int(Material.SKIN), int(Material.MOUTH), int(Material.TEETH)
_EYE_RIGHT, _EYE_LEFT, _CLOTH = int(Material.EYE_RIGHT), int(Material.EYE_LEFT), int(Material.CLOTH)
_FRAME, _HAT = int(Material.FRAME), int(Material.HAT)
_CLOTH_OUTER, _METAL = int(Material.CLOTH_OUTER), int(Material.METAL)
_P_SKIN, _P_NECK, _P_CLOTH = int(Part.SKIN), int(Part.NECK), int(Part.CLOTH)
_P_MOUTH, _P_TEETH = int(Part.MOUTH), int(Part.TEETH)
_P_EYE, _P_IRIS, _P_GLASSES, _P_HAT = int(Part.EYE), int(Part.IRIS), int(Part.GLASSES), int(Part.HAT)
_P_OCCLUDER = int(Part.OCCLUDER)


@njit(cache=True, fastmath=True, nogil=True)
def _norm3(x: float, y: float, z: float) -> tuple[float, float, float]:
    scale = 1.0 / math.sqrt(x * x + y * y + z * z + 1e-12)
    return x * scale, y * scale, z * scale


@njit(cache=True, fastmath=True, nogil=True)
def shade_pixels(
    triangle_id: I32, surface: Surface, paint: Paint, scene: Scene, layers: Layers, finish: Finish | None
) -> None:
    """Shades every covered sub-sample: fills the layers' irradiance, albedo, specular colour, parts and normals.

    Args:
        triangle_id: (H, W) int32 from `rasterize`.
        surface: geometry.
        paint: colours.
        scene: light.
        layers: in and out.
        finish: of the rich world; None compiles the kernel without it.

    Source: Walter et al. 2007 (GGX); wrap lighting after Green, GPU Gems 2004.
    """
    triangles, vertices, normals = surface.triangles, surface.vertices, surface.normals
    skin, key, rim, camera = paint.skin, scene.key, scene.rim, scene.camera
    texture_h, texture_w = skin.shape[0], skin.shape[1]
    head, torso, mouth = paint.head, paint.torso, paint.mouth
    view = scene.shadow_view
    texel = 1.0 / math.sqrt(view[0, 0] ** 2 + view[0, 1] ** 2 + view[0, 2] ** 2)
    pi = math.pi
    for row in range(triangle_id.shape[0]):
        for column in range(triangle_id.shape[1]):
            t = triangle_id[row, column]
            if t < 0:
                continue
            material = surface.material[t]
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w1, w2 = barycentric(surface.screen, a, b, c, column + 0.5, row + 0.5)
            w0 = 1.0 - w1 - w2
            px = w0 * vertices[a, 0] + w1 * vertices[b, 0] + w2 * vertices[c, 0]
            py = w0 * vertices[a, 1] + w1 * vertices[b, 1] + w2 * vertices[c, 1]
            pz = w0 * vertices[a, 2] + w1 * vertices[b, 2] + w2 * vertices[c, 2]
            nx, ny, nz = _norm3(
                w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0],
                w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1],
                w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2],
            )
            vx, vy, vz = _norm3(camera[0] - px, camera[1] - py, camera[2] - pz)
            # edges: for the tangents and for the side we look at
            e1x, e1y, e1z = (
                vertices[b, 0] - vertices[a, 0],
                vertices[b, 1] - vertices[a, 1],
                vertices[b, 2] - vertices[a, 2],
            )
            e2x, e2y, e2z = (
                vertices[c, 0] - vertices[a, 0],
                vertices[c, 1] - vertices[a, 1],
                vertices[c, 2] - vertices[a, 2],
            )
            facing = (e1y * e2z - e1z * e2y) * vx + (e1z * e2x - e1x * e2z) * vy + (e1x * e2y - e1y * e2x) * vz
            if facing < 0:
                nx, ny, nz = -nx, -ny, -nz
            toward = nx * vx + ny * vy + nz * vz
            if toward < 0.02:  # an interpolated normal that looks away at the silhouette
                nx, ny, nz = _norm3(nx + (0.02 - toward) * vx, ny + (0.02 - toward) * vy, nz + (0.02 - toward) * vz)
            sky_r = w0 * surface.sky[a, 0] + w1 * surface.sky[b, 0] + w2 * surface.sky[c, 0]
            sky_g = w0 * surface.sky[a, 1] + w1 * surface.sky[b, 1] + w2 * surface.sky[c, 1]
            sky_b = w0 * surface.sky[a, 2] + w1 * surface.sky[b, 2] + w2 * surface.sky[c, 2]
            openness = w0 * surface.sky[a, 3] + w1 * surface.sky[b, 3] + w2 * surface.sky[c, 3]

            bx, by, bz = nx, ny, nz  # the normal with detail
            part = _P_SKIN
            scatter, is_eye = False, False
            key_share = 1.0
            red, green, blue, specular, rough = 0.5, 0.5, 0.5, 1.0, 0.5
            grain_u, grain_v = 0.0, 0.0
            if material == _SKIN:
                ta, tb, tc = surface.uv_triangles[t, 0], surface.uv_triangles[t, 1], surface.uv_triangles[t, 2]
                u = w0 * surface.uv[ta, 0] + w1 * surface.uv[tb, 0] + w2 * surface.uv[tc, 0]
                v = w0 * surface.uv[ta, 1] + w1 * surface.uv[tb, 1] + w2 * surface.uv[tc, 1]
                fx, fy = u * texture_w - 0.5, (1.0 - v) * texture_h - 0.5
                ix, iy = int(math.floor(fx)), int(math.floor(fy))
                tx, ty = fx - ix, fy - iy
                x0, x1 = min(max(ix, 0), texture_w - 1), min(max(ix + 1, 0), texture_w - 1)
                y0, y1 = min(max(iy, 0), texture_h - 1), min(max(iy + 1, 0), texture_h - 1)
                k00, k10, k01, k11 = (1 - tx) * (1 - ty), tx * (1 - ty), (1 - tx) * ty, tx * ty
                red = k00 * skin[y0, x0, 0] + k10 * skin[y0, x1, 0] + k01 * skin[y1, x0, 0] + k11 * skin[y1, x1, 0]
                green = k00 * skin[y0, x0, 1] + k10 * skin[y0, x1, 1] + k01 * skin[y1, x0, 1] + k11 * skin[y1, x1, 1]
                blue = k00 * skin[y0, x0, 2] + k10 * skin[y0, x1, 2] + k01 * skin[y1, x0, 2] + k11 * skin[y1, x1, 2]
                specular = k00 * skin[y0, x0, 3] + k10 * skin[y0, x1, 3] + k01 * skin[y1, x0, 3] + k11 * skin[y1, x1, 3]
                rough = k00 * skin[y0, x0, 4] + k10 * skin[y0, x1, 4] + k01 * skin[y1, x0, 4] + k11 * skin[y1, x1, 4]
                slope_u = k00 * skin[y0, x0, 5] + k10 * skin[y0, x1, 5] + k01 * skin[y1, x0, 5] + k11 * skin[y1, x1, 5]
                slope_v = k00 * skin[y0, x0, 6] + k10 * skin[y0, x1, 6] + k01 * skin[y1, x0, 6] + k11 * skin[y1, x1, 6]
                if finish is not None:
                    grain_u, grain_v, gloss, tint = grain_at(finish.tile, u * finish.repeats[0], v * finish.repeats[1])
                    amount = (0.35 + finish.pores) * min(max(specular, 0.5), 1.3)
                    grain_u, grain_v = amount * grain_u, amount * grain_v
                    specular *= max(1.0 + amount * (gloss - 1.0), 0.2)
                    tint = 1.0 + amount * (tint - 1.0)
                    red, green, blue = red * tint, green * tint, blue * tint
                part_row = min(max(int((1.0 - v) * texture_h), 0), texture_h - 1)
                part = paint.parts[part_row, min(max(int(u * texture_w), 0), texture_w - 1)]
                cloth = 0.0  # the collar's edge between texels
                cloth += k00 if paint.parts[y0, x0] == _P_CLOTH else 0.0
                cloth += k10 if paint.parts[y0, x1] == _P_CLOTH else 0.0
                cloth += k01 if paint.parts[y1, x0] == _P_CLOTH else 0.0
                cloth += k11 if paint.parts[y1, x1] == _P_CLOTH else 0.0
                if cloth > 0.5:
                    material = _CLOTH
                elif part == _P_CLOTH:
                    part, scatter = _P_NECK, True
                elif part != _P_MOUTH:
                    scatter = True
                    du1, dv1 = surface.uv[tb, 0] - surface.uv[ta, 0], surface.uv[tb, 1] - surface.uv[ta, 1]
                    du2, dv2 = surface.uv[tc, 0] - surface.uv[ta, 0], surface.uv[tc, 1] - surface.uv[ta, 1]
                    det = du1 * dv2 - du2 * dv1
                    if abs(det) > 1e-12:
                        # The gradient of the height over the surface: solve it in the triangle's plane.
                        gx = (dv2 * e1x - dv1 * e2x) / det
                        gy = (dv2 * e1y - dv1 * e2y) / det
                        gz = (dv2 * e1z - dv1 * e2z) / det
                        hx = (du1 * e2x - du2 * e1x) / det
                        hy = (du1 * e2y - du2 * e1y) / det
                        hz = (du1 * e2z - du2 * e1z) / det
                        pu = 1.3 * slope_u / max(gx * gx + gy * gy + gz * gz, 0.02)
                        pv = 1.3 * slope_v / max(hx * hx + hy * hy + hz * hz, 0.02)
                        if finish is not None:
                            pu += 1.3 * grain_u / math.sqrt(max(gx * gx + gy * gy + gz * gz, 0.02))
                            pv += 1.3 * grain_v / math.sqrt(max(hx * hx + hy * hy + hz * hz, 0.02))
                        bx, by, bz = _norm3(nx - pu * gx - pv * hx, ny - pu * gy - pv * hy, nz - pu * gz - pv * hz)
            if material in (_EYE_RIGHT, _EYE_LEFT):
                is_eye = True
                frame = paint.eyes[0 if material == _EYE_RIGHT else 1]
                dx, dy, dz = _norm3(px - frame[0, 0], py - frame[0, 1], pz - frame[0, 2])
                distance, cosine, sine = iris_angle(dx, dy, dz, frame)
                red, green, blue = eye_albedo(distance, cosine, sine, paint.iris, paint.sclera, paint.waves)
                specular, rough = 2.2, 0.10
                part = _P_IRIS if distance < 1.0 else _P_EYE
                nx, ny, nz = dx, dy, dz
                bx, by, bz = nx, ny, nz
                if distance < 1.15:  # the cornea bulges
                    along = dx * frame[1, 0] + dy * frame[1, 1] + dz * frame[1, 2]
                    bulge = CORNEA_BULGE * min(1.0, (1.15 - distance) / 0.3)
                    bx, by, bz = _norm3(
                        nx + bulge * (dx - frame[1, 0] * along),
                        ny + bulge * (dy - frame[1, 1] * along),
                        nz + bulge * (dz - frame[1, 2] * along),
                    )
            elif material in (_TEETH, _MOUTH) or part == _P_MOUTH:
                if material == _MOUTH and surface.socket[t] == 1:
                    red, green, blue, specular, rough, part = 0.42, 0.17, 0.14, 1.2, 0.35, _P_EYE
                else:
                    # Light enters between the lips: the solid angle of the opening falls with the depth behind them.
                    qx, qy, qz = px - head[0, 3], py - head[1, 3], pz - head[2, 3]
                    deep = mouth[2] - (head[0, 2] * qx + head[1, 2] * qy + head[2, 2] * qz)
                    deep = max(deep, 0.0)
                    openness = mouth[3] / (mouth[3] + 3.0 * deep * deep + 0.01)
                    sky_r = openness * 0.5 * (scene.sky[0] + scene.ground[0] + 0.08 * scene.key_rgb[0])
                    sky_g = openness * 0.5 * (scene.sky[1] + scene.ground[1] + 0.08 * scene.key_rgb[1])
                    sky_b = openness * 0.5 * (scene.sky[2] + scene.ground[2] + 0.08 * scene.key_rgb[2])
                    if material == _TEETH:
                        red, green, blue, part = paint.teeth[0], paint.teeth[1], paint.teeth[2], _P_TEETH
                        specular, rough, key_share = 1.5, 0.25, min(1.3 * openness, 1.0)
                    else:
                        red, green, blue, part = 0.36, 0.11, 0.10, _P_MOUTH
                        specular, rough, key_share = 1.2 * openness, 0.35, 0.6 * openness
            elif material != _SKIN:
                if finish is not None and material != _FRAME:
                    if material == _METAL:
                        red, green, blue = 0.2 * finish.metal[0], 0.2 * finish.metal[1], 0.2 * finish.metal[2]
                        specular, rough, part = 14.0, 0.16, _P_OCCLUDER
                    else:
                        worn, pose, part = 0, torso, _P_CLOTH
                        if material == _HAT:
                            worn, pose, part = 2, head, _P_HAT
                        elif material == _CLOTH_OUTER:
                            worn = 1
                        qx, qy, qz = px - pose[0, 3], py - pose[1, 3], pz - pose[2, 3]
                        lx = pose[0, 0] * qx + pose[1, 0] * qy + pose[2, 0] * qz
                        ly = pose[0, 1] * qx + pose[1, 1] * qy + pose[2, 1] * qz
                        lz = pose[0, 2] * qx + pose[1, 2] * qy + pose[2, 2] * qz
                        red, green, blue, slope_u, slope_v, lz = fabric_at(
                            finish.fabrics[worn], lx, ly, lz, finish.footprint
                        )
                        # the fabric runs round the axis and up: lz is now the angle round it
                        gx, gz = math.cos(lz), -math.sin(lz)
                        bx, by, bz = _norm3(
                            nx - slope_u * (pose[0, 0] * gx + pose[0, 2] * gz) - slope_v * pose[0, 1],
                            ny - slope_u * (pose[1, 0] * gx + pose[1, 2] * gz) - slope_v * pose[1, 1],
                            nz - slope_u * (pose[2, 0] * gx + pose[2, 2] * gz) - slope_v * pose[2, 1],
                        )
                        gloss = finish.fabrics[worn, FABRIC_GLOSS]
                        specular, rough = 0.1 + 0.8 * gloss, 0.75 - 0.35 * gloss
                elif material == _CLOTH:
                    qx, qy, qz = px - torso[0, 3], py - torso[1, 3], pz - torso[2, 3]
                    lx = torso[0, 0] * qx + torso[1, 0] * qy + torso[2, 0] * qz
                    weave = math.sin(paint.weave[0] * lx) * math.sin(paint.weave[1] * qy)
                    weave = 1.0 + paint.weave[2] * weave
                    red, green, blue = paint.cloth[0] * weave, paint.cloth[1] * weave, paint.cloth[2] * weave
                    specular, rough, part = 0.15, 0.7, _P_CLOTH
                elif material == _FRAME:
                    red, green, blue = paint.frame[0], paint.frame[1], paint.frame[2]
                    specular, rough, part = 2.0, 0.22, _P_GLASSES
                else:
                    red, green, blue = paint.hat[0], paint.hat[1], paint.hat[2]
                    specular, rough, part = 0.2, 0.7, _P_HAT

            # --- light
            n_key = nx * key[0] + ny * key[1] + nz * key[2]
            b_key = bx * key[0] + by * key[1] + bz * key[2]
            shadow = 0.0
            if n_key > -0.32:
                turn = ((column * 73856093) ^ (row * 19349663)) % SHADOW_TURNS
                shadow = key_share * soft_shadow(
                    px + 0.02 * nx,
                    py + 0.02 * ny,
                    pz + 0.02 * nz,
                    turn,
                    view,
                    scene.shadow_mesh,
                    scene.shadow_hair,
                    scene.shadow_taps,
                    texel,
                )
            wrap_r, wrap_g, wrap_b = (0.30, 0.14, 0.10) if scatter else (0.03, 0.03, 0.03)
            diffuse_r = min(max((b_key + wrap_r) / (1.0 + wrap_r), 0.0), 1.0)
            diffuse_g = min(max((b_key + wrap_g) / (1.0 + wrap_g), 0.0), 1.0)
            diffuse_b = min(max((b_key + wrap_b) / (1.0 + wrap_b), 0.0), 1.0)
            diffuse_r *= 0.6 + 0.4 * diffuse_r
            diffuse_g *= 0.6 + 0.4 * diffuse_g
            diffuse_b *= 0.6 + 0.4 * diffuse_b
            detail = min(max(1.0 + 0.9 * (0.6 * (by - ny) + 0.8 * (bz - nz)), 0.6), 1.4)
            n_rim = max(nx * rim[0] + ny * rim[1] + nz * rim[2], 0.0)
            edge = 0.6 * n_rim * openness
            layers.irradiance[row, column, 0] = (
                diffuse_r * scene.key_rgb[0] * shadow + sky_r * detail + edge * scene.rim_rgb[0]
            )
            layers.irradiance[row, column, 1] = (
                diffuse_g * scene.key_rgb[1] * shadow + sky_g * detail + edge * scene.rim_rgb[1]
            )
            layers.irradiance[row, column, 2] = (
                diffuse_b * scene.key_rgb[2] * shadow + sky_b * detail + edge * scene.rim_rgb[2]
            )
            layers.albedo[row, column, 0] = red
            layers.albedo[row, column, 1] = green
            layers.albedo[row, column, 2] = blue
            layers.skin[row, column] = 1.0 if scatter else 0.0
            layers.parts[row, column] = part
            layers.normals[row, column, 0] = nx
            layers.normals[row, column, 1] = ny
            layers.normals[row, column, 2] = nz

            # --- specular: two lobes of the key light, the mirrored surroundings, the rim's sheen
            half_x, half_y, half_z = _norm3(key[0] + vx, key[1] + vy, key[2] + vz)
            if scatter:  # the atlas is coarser than pores: its slopes would show as crinkles in the highlight
                if finish is not None:
                    bx, by, bz = _norm3(bx + 1.6 * nx, by + 1.6 * ny, bz + 1.6 * nz)
                else:
                    bx, by, bz = _norm3(bx + 2.0 * nx, by + 2.0 * ny, bz + 2.0 * nz)
            n_half = max(bx * half_x + by * half_y + bz * half_z, 0.0)
            v_half = max(vx * half_x + vy * half_y + vz * half_z, 0.0)
            n_view = bx * vx + by * vy + bz * vz
            n_view_safe = min(max(n_view, 0.05), 1.0)
            alpha = rough * rough
            alpha2 = alpha * alpha
            lobe = n_half * n_half * (alpha2 - 1.0) + 1.0
            broad = alpha2 / (pi * lobe * lobe + 1e-7)
            alpha2 *= 0.18  # (0.65 rough)^4
            lobe = n_half * n_half * (alpha2 - 1.0) + 1.0
            sharp = alpha2 / (pi * lobe * lobe + 1e-7)
            grazing = 1.0 - v_half
            grazing2 = grazing * grazing
            fresnel = 0.028 + 0.972 * grazing2 * grazing2 * grazing
            lit = min(max(4.0 * b_key, 0.0), 1.0) * shadow
            gloss = (0.75 * broad + 0.25 * sharp) * fresnel / (4.0 * max(n_view_safe, 0.3)) * specular * lit
            if is_eye:
                gloss *= 0.35
            mirror_x, mirror_y, mirror_z = 2 * n_view * bx - vx, 2 * n_view * by - vy, 2 * n_view * bz - vz
            away = 1.0 - n_view_safe
            away2 = away * away
            mirror = (0.028 + (0.22 if scatter else 0.5) * away2 * away2 * away) * specular
            mirror *= openness * math.sqrt(max(openness, 0.0))
            if material == _CLOTH:
                mirror *= 0.2
            up = 0.5 + 0.5 * mirror_y
            to_key = max(mirror_x * key[0] + mirror_y * key[1] + mirror_z * key[2], 0.0)
            to_rim = max(mirror_x * rim[0] + mirror_y * rim[1] + mirror_z * rim[2], 0.0)
            to_key, to_rim = 0.10 * to_key * to_key, 0.25 * to_rim * to_rim * to_rim
            catch = 0.0
            if is_eye:  # a window in the eye, lowered towards the viewer so that the lid does not hide it
                wx, wy, wz = _norm3(key[0] + 0.4 * vx, key[1] + 0.4 * vy, key[2] + 0.4 * vz)
                apart = (1.0 - mirror_x * wx - mirror_y * wy - mirror_z * wz) / 0.02
                catch = 0.33 * math.exp(-apart * apart) * min(1.4 * openness, 1.0)
            sheen = 0.18 * away2 * away * n_rim * openness * openness
            sheen *= min(max(2.5 / 3.0 * (red + green + blue), 0.15), 1.0)
            if finish is not None:
                mirrored = finish.sharp if is_eye or material == _METAL else finish.soft
                red, green, blue = look_up(mirrored, mirror_x, mirror_y, mirror_z)
                if is_eye:
                    catch *= 0.6
            for k in range(3):
                around = scene.ground[k] + (scene.sky[k] - scene.ground[k]) * up
                if finish is not None:
                    around = red if k == 0 else green if k == 1 else blue
                around += to_key * scene.key_rgb[k] + to_rim * scene.rim_rgb[k]
                layers.color[row, column, k] = (
                    (gloss + catch) * scene.key_rgb[k] + around * mirror + sheen * scene.rim_rgb[k]
                )
                if finish is not None and material == _METAL:
                    layers.color[row, column, k] *= finish.metal[k]
